import type { BrokerEvents } from '../broker.js';
import { steadyNow } from '../steady-clock.js';
import { ConnectionRegistry } from './connection-registry.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { Presence } from './presence.js';
import { Streams } from './streams.js';

/** What the brokers of one process share: each of them is to it what a pod is to a server. */
export class MemoryStore {
  readonly #clock: () => number;
  #latest: number;
  readonly streams: Streams;
  readonly keys: IdempotencyKeys;
  readonly presence = new Presence();
  readonly connections = new ConnectionRegistry();
  /** Who hears signals: every broker that is started. */
  readonly listeners = new Set<BrokerEvents>();

  /** @param clock in ms since the Unix epoch. */
  constructor(clock = steadyNow) {
    this.#clock = clock;
    this.#latest = clock();
    this.streams = new Streams(this.#latest);
    this.keys = new IdempotencyKeys(this.#latest);
  }

  /** The clock, which stands still if that one is set back. */
  now(): number {
    this.#latest = Math.max(this.#latest, this.#clock());
    return this.#latest;
  }

  /** Forgets what expired, in at most `limit` steps for streams and as many for keys. */
  sweep(limit: number): void {
    const now = this.now();
    this.streams.sweep(now, limit);
    this.keys.sweep(now, limit);
  }
}
