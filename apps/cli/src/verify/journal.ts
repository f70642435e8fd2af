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

/** Everything that one subscriber received of a channel, and what is wrong with it. */
export class Journal implements SubscriptionHandlers {
  readonly arrivals: Arrival[] = [];
  #problem: string | undefined;
  /** The last offset received on each connection. */
  readonly #wire = new Map<number, number>();
  #awaited: { readonly count: number; readonly reached: () => void } | undefined;

  /** Also checks the frames, because the library drops duplicates. */
  constructor(channel: string, client: SteeredClient) {
    client.onFrame = ({ event, data }, connection) => {
      if (event === 'message' && data['channel'] === channel) this.#frame(Number(data['offset']), connection);
    };
  }

  message(message: Message): void {
    this.arrivals.push({ message, at: performance.now() });
    this.#notify();
  }

  gap(position: Position, reason: GapReason): void {
    this.#report(
      reason === 'gap'
        ? `messages before ${formatPosition(position)} were lost, as the gateway reported`
        : `missed messages could not be replayed, continuing after ${formatPosition(position)}`,
    );
  }

  /** Waits until `count` messages have arrived, or there is a problem. @throws Failure */
  async arrived(count: number, deadline: Deadline): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { count, reached: resolve };
    this.#notify();
    await deadline.within(promise, () => `${this.arrivals.length} of ${count} messages arrived`);
  }

  /** The problem; undefined if exactly the messages published after `start` arrived, once and in order. */
  problem(start: Position, published: readonly Published[]): string | undefined {
    if (this.#problem !== undefined) return this.#problem;
    let expected = start.offset;
    for (const { message } of this.arrivals) {
      expected += 1;
      if (message.offset !== expected) return `offset ${message.offset} arrived instead of ${expected}`;
    }
    const dataAt = new Map(this.arrivals.map(({ message }) => [message.offset, JSON.stringify(message.data)]));
    for (const { publisher, data, position } of published) {
      if (position.epoch !== start.epoch) return `the history was lost: epoch ${position.epoch} after ${start.epoch}`;
      const came = dataAt.get(position.offset);
      if (came === undefined) return `offset ${position.offset}, acknowledged by ${publisher}, did not arrive`;
      if (came !== JSON.stringify(data)) return `offset ${position.offset} is not the message that ${publisher} stored`;
    }
    const extra = this.arrivals.length - published.length;
    return extra === 0 ? undefined : `${extra} messages arrived that nobody published`;
  }

  #frame(offset: number, connection: number): void {
    const last = this.#wire.get(connection) ?? 0;
    if (offset <= last) this.#report(`offset ${offset} arrived after ${last} on one connection`);
    this.#wire.set(connection, offset);
  }

  #report(problem: string): void {
    this.#problem ??= problem;
    this.#notify();
  }

  #notify(): void {
    if (this.#awaited === undefined) return;
    if (this.#problem !== undefined || this.arrivals.length >= this.#awaited.count) this.#awaited.reached();
  }
}
