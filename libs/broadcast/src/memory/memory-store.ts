import { getHeapStatistics } from 'node:v8';
import type { BrokerEvents } from '../broker.js';
import { steadyNow } from '../steady-clock.js';
import { ConnectionRegistry } from './connection-registry.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { Presence } from './presence.js';
import { Streams } from './streams.js';

/** It may fill one part in so many of the heap: without a bound, whoever publishes enough would end the process. */
const HEAP_SHARE = 6;

/** What a publication, a position or a key takes beside its payload, in bytes. */
const OVERHEAD = 256;

export interface MemoryStoreOptions {
  /** About how many bytes of publications, positions and keys it keeps. */
  readonly maxSize?: number;
  /** In ms since the Unix epoch. */
  readonly clock?: () => number;
}

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

  readonly #maxSize: number;

  constructor({
    maxSize = getHeapStatistics().heap_size_limit / HEAP_SHARE,
    clock = steadyNow,
  }: MemoryStoreOptions = {}) {
    this.#maxSize = maxSize;
    this.#clock = clock;
    this.#latest = clock();
    this.streams = new Streams(this.#latest);
    this.keys = new IdempotencyKeys(this.#latest);
  }

  /** Whether it keeps as much as it may: until something expires, nothing more is stored. */
  get isFull(): boolean {
    const { units, publications, size } = this.streams;
    return units + OVERHEAD * (publications + size + this.keys.size) > this.#maxSize;
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
