import { getHeapStatistics } from 'node:v8';
import type { BrokerEvents } from '../broker.js';
import { steadyNow } from '../steady-clock.js';
import { MemoryConnections } from './connections.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { MemoryPresence } from './presence.js';
import { Streams } from './streams.js';

/** The store may fill this fraction of the heap: without a limit, a client that publishes enough would end the process. */
const HEAP_SHARE = 6;

/** Bytes that a publication, a position or a key takes in addition to its payload. */
const OVERHEAD = 256;

export interface MemoryStoreOptions {
  /** Approximate limit for publications, positions and keys, in bytes. */
  readonly maxSize?: number;
  /** Returns ms since the Unix epoch. */
  readonly clock?: () => number;
}

/** Shared by the brokers of one process: it is to them what a server is to pods. */
export class MemoryStore {
  readonly #clock: () => number;
  #latest: number;
  readonly streams: Streams;
  readonly keys: IdempotencyKeys;
  readonly presence = new MemoryPresence();
  readonly connections = new MemoryConnections();
  /** The events of every started broker: they receive signals. */
  readonly listeners = new Set<BrokerEvents>();

  /** Approximate limit of {@link size}. */
  readonly maxSize: number;

  constructor({
    maxSize = getHeapStatistics().heap_size_limit / HEAP_SHARE,
    clock = steadyNow,
  }: MemoryStoreOptions = {}) {
    this.maxSize = maxSize;
    this.#clock = clock;
    this.#latest = clock();
    this.streams = new Streams(this.#latest);
    this.keys = new IdempotencyKeys(this.#latest);
  }

  /** Approximate bytes in use. */
  get size(): number {
    const { units, publications, size } = this.streams;
    return units + OVERHEAD * (publications + size + this.keys.size);
  }

  /** Whether the limit is reached: nothing more is stored until something expires. */
  get isFull(): boolean {
    return this.size > this.maxSize;
  }

  /** Stands still while the clock is set back. */
  now(): number {
    this.#latest = Math.max(this.#latest, this.#clock());
    return this.#latest;
  }

  /** Drops what has expired, in at most `limit` steps each for streams and keys. */
  sweep(limit: number): void {
    const now = this.now();
    this.streams.sweep(now, limit);
    this.keys.sweep(now, limit);
  }
}
