import type { GapReason, Json, Message, Position, SubscriptionHandlers } from '@holdfast/client';
import { formatPosition } from '../arguments.js';
import type { Deadline } from './deadline.js';
import type { SteeredClient } from './steered-client.js';

/** A publication that the gateway acknowledged. */
export interface Published {
  readonly publisher: string;
  readonly data: Json;
  readonly position: Position;
  /** On the clock of `performance.now()`, as {@link Arrival.at}. */
  readonly sentAt: number;
}

interface Arrival {
  readonly message: Message;
  readonly at: number;
}

/** All that one subscriber was told of a channel, and what is wrong with it. */
export class Journal implements SubscriptionHandlers {
  readonly arrivals: Arrival[] = [];
  #problem: string | undefined;
  /** The last offset that came over each connection. */
  readonly #wire = new Map<number, number>();
  #awaited: { readonly count: number; readonly reached: () => void } | undefined;

  /** Also looks at the frames: the library would drop what came twice. */
  constructor(channel: string, client: SteeredClient) {
    client.onFrame = ({ event, data }, connection) => {
      if (event === 'message' && data['channel'] === channel) this.#frame(Number(data['offset']), connection);
    };
  }

  message(message: Message): void {
    this.arrivals.push({ message, at: performance.now() });
    this.#tell();
  }

  gap(position: Position, reason: GapReason): void {
    this.#report(
      reason === 'gap'
        ? `messages before ${formatPosition(position)} were lost, and the gateway said so`
        : `what was missed could not be replayed, going on after ${formatPosition(position)}`,
    );
  }

  /** Waits until so many messages came, or one that should not. @throws Failure */
  async arrived(count: number, deadline: Deadline): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { count, reached: resolve };
    this.#tell();
    await deadline.within(promise, () => `${this.arrivals.length} of ${count} messages arrived`);
  }

  /** What is wrong: undefined where all that was published after `start` came once and in order, and nothing else. */
  problem(start: Position, published: readonly Published[]): string | undefined {
    if (this.#problem !== undefined) return this.#problem;
    let expected = start.offset;
    for (const { message } of this.arrivals) {
      expected += 1;
      if (message.offset !== expected) return `offset ${message.offset} came where ${expected} was to come`;
    }
    const dataAt = new Map(this.arrivals.map(({ message }) => [message.offset, JSON.stringify(message.data)]));
    for (const { publisher, data, position } of published) {
      if (position.epoch !== start.epoch) return `the channel began anew: epoch ${position.epoch} after ${start.epoch}`;
      const came = dataAt.get(position.offset);
      if (came === undefined) return `offset ${position.offset}, acknowledged by ${publisher}, did not come`;
      if (came !== JSON.stringify(data)) return `offset ${position.offset} is another message than ${publisher} stored`;
    }
    const extra = this.arrivals.length - published.length;
    return extra === 0 ? undefined : `${extra} messages came that nobody published`;
  }

  #frame(offset: number, connection: number): void {
    const last = this.#wire.get(connection) ?? 0;
    if (offset <= last) this.#report(`offset ${offset} came after ${last} on one connection`);
    this.#wire.set(connection, offset);
  }

  #report(problem: string): void {
    this.#problem ??= problem;
    this.#tell();
  }

  #tell(): void {
    if (this.#awaited === undefined) return;
    if (this.#problem !== undefined || this.arrivals.length >= this.#awaited.count) this.#awaited.reached();
  }
}
