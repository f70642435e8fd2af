import type { LogAdapterEvents, LogStart } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import { FetchSession } from './fetch-session.js';
import type { FetchPosition } from './fetch.js';
import { reasonOf } from './reasons.js';
import { Interruption, Tail } from './tail.js';

/** ms for which a broker waits if there is nothing to read. */
const LONG_POLL = 500;
/** ms for the polls after a `tail`: the poll that is under way does not include it. */
const SHORT_POLL = 20;
/** ms after `tail` with short polls. */
const SHORT_POLL_TIME = 2_000;
/** ms before an interruption is reported, so that a reader that begins again at once does not occupy the process. */
const PAUSE = 50;

/** Hands out entries: one long poll for each leader, for all its partitions. */
export class Reader {
  readonly #client: KafkaClient;
  readonly #events: LogAdapterEvents;
  /** The latest of each partition. */
  readonly #tails = new Map<number, Tail>();
  /** Leaders with a poll. */
  readonly #polled = new Set<number>();
  #shortUntil = 0;
  #closed = false;

  constructor(client: KafkaClient, events: LogAdapterEvents) {
    this.#client = client;
    this.#events = events;
  }

  tail(partition: number, start: LogStart): void {
    if (this.#closed) return;
    const { metadata } = this.#client;
    const leader = metadata.leader(partition);
    // If it continues where the former one ended, the leader checks that it is the same log.
    const tail = new Tail(this.#client, partition, leader, start, this.#tails.get(partition)?.place);
    this.#tails.set(partition, tail);
    this.#shortUntil = performance.now() + SHORT_POLL_TIME;
    if (leader === undefined) {
      metadata.outdated();
      this.#interrupt(tail, new Interruption(`partition ${partition} has no leader now`, false));
    } else if (!this.#polled.has(leader.id)) {
      this.#polled.add(leader.id);
      // Other partitions may begin at the same time.
      setImmediate(() => {
        this.#poll(leader.id).catch(() => undefined);
      });
    }
  }

  close(): void {
    this.#closed = true;
    this.#tails.clear();
  }

  async #poll(leader: number): Promise<void> {
    let session: FetchSession | undefined;
    for (;;) {
      const tails = [...this.#tails.values()].filter((tail) => tail.leader?.id === leader && !tail.hasEnded);
      if (tails.length === 0) {
        this.#polled.delete(leader);
        return;
      }
      try {
        session = await this.#session(leader, session);
        await this.#pollOnce(session, tails);
      } catch (error) {
        session = undefined;
        for (const tail of tails) this.#interrupt(tail, error);
      }
    }
  }

  /** @param former is kept while its connection is. */
  async #session(leader: number, former: FetchSession | undefined): Promise<FetchSession> {
    const { library, brokers } = this.#client;
    const connection = await brokers.link(leader, 'fetches')?.get();
    if (connection === undefined) throw new Interruption('the leader has left the cluster', false);
    return former?.connection === connection ? former : new FetchSession(library, connection);
  }

  async #pollOnce(session: FetchSession, tails: readonly Tail[]): Promise<void> {
    const topicId = this.#client.metadata.topic?.id;
    const asked = await Promise.all(tails.map(async (tail) => this.#attempt(tail, async () => tail.position(topicId))));
    const positions = asked.filter((position): position is FetchPosition => position !== undefined);
    if (positions.length === 0 || topicId === undefined) return;
    const wait = performance.now() < this.#shortUntil ? SHORT_POLL : LONG_POLL;
    for (const answer of await session.fetch(topicId, positions, wait)) {
      const tail = tails.find(({ partition }) => partition === answer.partitionIndex);
      if (tail === undefined || !this.#isCurrent(tail)) continue;
      const entries = await this.#attempt(tail, async () => tail.accept(answer));
      if (entries !== undefined && entries.length > 0 && this.#isCurrent(tail)) {
        this.#events.onEntries(tail.partition, entries);
      }
    }
  }

  /** Undefined if the work failed, which interrupts the tail. */
  async #attempt<T>(tail: Tail, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#interrupt(tail, error);
      return undefined;
    }
  }

  #interrupt(tail: Tail, error: unknown): void {
    if (tail.hasEnded) return;
    tail.hasEnded = true;
    const isCut = error instanceof Interruption && error.isCut;
    setTimeout(() => {
      if (this.#tails.get(tail.partition) === tail) this.#events.onInterrupted(tail.partition, reasonOf(error), isCut);
    }, PAUSE);
  }

  #isCurrent(tail: Tail): boolean {
    return !tail.hasEnded && this.#tails.get(tail.partition) === tail;
  }
}
