import type { Message, Position, SubscribeReply } from '@holdfast/protocol';
import { runSafely } from './emitter.js';
import { HoldfastError } from './errors.js';
import type { GapReason } from './handover.js';
import type { HandlerCall, MessageOf, OptionalHandlers, Subscription, SubscriptionOptions } from './subscription.js';
import { Deferred } from './timers.js';

/** How many messages wait for a `for await` loop. If there are more, they are reported as a gap. */
const MAX_BUFFERED = 10_000;

type Read<T> = IteratorResult<MessageOf<T>, undefined>;

/** One subscription of the application. It may share its channel's subscription at the gateway with others. */
export class Listener<T> implements Subscription<T> {
  readonly channel: string;
  readonly handlers: OptionalHandlers<T>;
  readonly options: SubscriptionOptions;
  isOver = false;
  /** Whether it receives what the channel delivers. */
  isLive = false;

  /** Ends it, and the channel's subscription at the gateway if it is the last one. */
  readonly #leave: (listener: Listener<T>) => Promise<void>;
  readonly #ready = new Deferred<SubscribeReply>();
  #position: Position | undefined;
  /** What the channel delivers while the listener reads older messages. */
  #held: (() => void)[] | undefined;
  /** What waits for a `for await` loop. */
  #buffer: (MessageOf<T> | HoldfastError)[] | undefined;
  #readers: Deferred<Read<T>>[] = [];
  #failure: HoldfastError | undefined;

  constructor(
    channel: string,
    handlers: OptionalHandlers<T>,
    options: SubscriptionOptions,
    leave: (listener: Listener<T>) => Promise<void>,
  ) {
    this.channel = channel;
    this.handlers = handlers;
    this.options = options;
    this.#leave = leave;
    this.#position = options.since;
    if (handlers.message === undefined) this.#buffer = [];
    // The handlers and the client's events report it too, so the promise may be ignored.
    this.ready.catch(() => {});
  }

  get position(): Position | undefined {
    return this.#position;
  }

  get ready(): Promise<SubscribeReply> {
    return this.#ready.promise;
  }

  unsubscribe(): Promise<void> {
    return this.#leave(this);
  }

  [Symbol.dispose](): void {
    void this.unsubscribe();
  }

  [Symbol.asyncIterator](): AsyncIterator<MessageOf<T>, undefined> {
    this.#buffer ??= [];
    return {
      next: () => {
        const reader = new Deferred<Read<T>>();
        this.#readers.push(reader);
        this.#read();
        return reader.promise;
      },
      return: async () => {
        await this.unsubscribe();
        return { done: true, value: undefined };
      },
    };
  }

  /** Begins at a position. @param hold whether older messages are delivered first, until {@link release}. */
  begin(reply: SubscribeReply, position: Position, hold = false): void {
    this.isLive = true;
    if (hold) this.#held = [];
    else this.#position = position;
    this.subscribed(reply);
  }

  /** Delivers what was held, after older messages. @param position that they led to. */
  release(position: Position): void {
    this.#position = position;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) run();
  }

  subscribed(reply: SubscribeReply): void {
    this.#ready.resolve(reply);
    this.notify('subscribed', reply);
  }

  /** @param position of the message. */
  message(message: Message, position: Position): void {
    this.#later(() => this.catchUp(message, position));
  }

  /** Delivers a message although others are held. */
  catchUp(message: Message, position: Position): void {
    const { epoch, offset } = this.#position ?? {};
    if (position.epoch === epoch && offset !== undefined && position.offset <= offset) return;
    this.#position = position;
    this.notify('message', message);
    this.#push(message as MessageOf<T>);
  }

  gap(position: Position, reason: GapReason): void {
    this.#later(() => this.lose(position, reason));
  }

  /** Reports lost messages although others are held. */
  lose(position: Position, reason: GapReason): void {
    this.#position = position;
    if (this.handlers.gap) this.notify('gap', position, reason);
    else this.#push(lost());
  }

  /** Calls a handler, unless the subscription is over. */
  notify(...call: HandlerCall): void {
    if (!this.isOver) this.call(...call);
  }

  /** Calls a handler. @returns whether there is one. */
  call(...[name, ...details]: HandlerCall): boolean {
    const handlers = this.handlers as Readonly<Record<string, ((...details: unknown[]) => void) | undefined>>;
    const isHeard = handlers[name] !== undefined;
    if (isHeard) runSafely(() => handlers[name]?.(...details));
    return isHeard;
  }

  /** Nothing is delivered from now on. @param failure why, unless the application ended it. */
  end(why: HoldfastError, failure?: HoldfastError): void {
    this.isOver = true;
    this.#held = undefined;
    this.#failure = failure;
    if (failure === undefined) this.#buffer = [];
    this.#ready.reject(why);
    this.#read();
  }

  #later(run: () => void): void {
    if (this.isOver) return;
    if (this.#held === undefined) run();
    else this.#held.push(run);
  }

  #push(item: MessageOf<T> | HoldfastError): void {
    if (this.#buffer === undefined || this.isOver) return;
    if (this.#buffer.length === MAX_BUFFERED) this.#buffer = [lost()];
    this.#buffer.push(item);
    this.#read();
  }

  #read(): void {
    const buffer = this.#buffer ?? [];
    while (this.#readers.length > 0 && (buffer.length > 0 || this.isOver)) {
      const [reader, item] = [this.#readers.shift(), buffer.shift()];
      const error = item instanceof HoldfastError ? item : item === undefined && this.#failure;
      if (error) reader?.reject(error);
      else
        reader?.resolve(
          item === undefined ? { done: true, value: item } : { done: false, value: item as MessageOf<T> },
        );
    }
  }
}

function lost(): HoldfastError {
  return new HoldfastError('gap', 'messages were lost: reload your state, and read on with another loop');
}
