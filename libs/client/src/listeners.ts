import type { HistoryReply, HistoryRequest, Members, Position, SubscribeReply } from '@holdfast/protocol';
import { catchUp } from './catch-up.js';
import type { HoldfastError } from './errors.js';
import type { Listener } from './listener.js';
import type { HandlerCall } from './subscription.js';

export type AnyListener = Listener<never>;

export interface ListenersOwner {
  report(error: HoldfastError): void;
  history(request: HistoryRequest): Promise<HistoryReply>;
  presence(channel: string): Promise<Members>;
}

/** All subscriptions of the application to one channel. */
export class Listeners {
  readonly #channel: string;
  readonly #owner: ListenersOwner;
  readonly #all = new Set<AnyListener>();

  constructor(channel: string, owner: ListenersOwner) {
    this.#channel = channel;
    this.#owner = owner;
  }

  /** In the order in which they came. A copy, because a handler may add some. */
  get all(): readonly AnyListener[] {
    return [...this.#all];
  }

  add(listener: AnyListener): void {
    this.#all.add(listener);
  }

  /** @returns whether it was the last one. */
  remove(listener: AnyListener): boolean {
    this.#all.delete(listener);
    return this.#all.size === 0;
  }

  /** Runs for those that receive what the channel delivers. Those that a handler adds begin after this. */
  each(run: (listener: AnyListener) => void): void {
    for (const listener of this.all) if (listener.isLive) run(listener);
  }

  /** Calls a handler of those that asked for presence. */
  notifyPresence(...call: HandlerCall): void {
    this.each((listener) => {
      if (listener.options.presence) listener.notify(...call);
    });
  }

  /** Lets a listener in that comes later than the first: with older messages, if it wants any. */
  join(listener: AnyListener, reply: SubscribeReply, position: Position): void {
    const { since, last } = listener.options;
    const isBehind = since !== undefined || last !== undefined;
    listener.begin({ ...reply, ...position }, position, isBehind);
    if (isBehind) void this.#catchUp(listener, position);
  }

  /** Reads the members for a listener that comes later than the first. */
  async readMembers(listener: AnyListener): Promise<void> {
    try {
      listener.notify('members', await this.#owner.presence(this.#channel));
    } catch (error) {
      if (!listener.isOver) this.#owner.report(error as HoldfastError);
    }
  }

  async #catchUp(listener: AnyListener, position: Position): Promise<void> {
    const channel = this.#channel;
    try {
      await catchUp(listener, channel, position, (request) => this.#owner.history({ channel, ...request }));
    } catch (error) {
      if (listener.isOver) return;
      this.#owner.report(error as HoldfastError);
      listener.lose(position, 'not_recovered');
    }
    listener.release(position);
  }
}
