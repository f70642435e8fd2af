import type { Idempotency } from '../../broker.js';
import type { ChannelState } from './channel-table.js';
import type { Generations, Versioned } from './generations.js';

/** The first publish with a key. */
export interface KnownKey extends Versioned {
  readonly id: string;
  readonly fingerprint: string;
  /** The stream of the publication, as {@link ChannelState}. */
  readonly beganAt: number;
  readonly beganIndex: number;
  readonly offset: number;
  readonly expires: number;
}

/** The idempotency keys of a partition whose windows have not ended. */
export class KeyTable {
  readonly #keys = new Map<string, KnownKey>();
  readonly #generations: Generations;

  constructor(generations: Generations) {
    this.#generations = generations;
  }

  get map(): ReadonlyMap<string, KnownKey> {
    return this.#keys;
  }

  get(channel: string, idempotency: Idempotency, now: number): KnownKey | undefined {
    const known = this.#keys.get(idOf(channel, idempotency));
    return known !== undefined && known.expires > now ? known : undefined;
  }

  add({ name, beganAt, beganIndex, offset }: ChannelState, idempotency: Idempotency, now: number): void {
    const id = idOf(name, idempotency);
    const { fingerprint, window } = idempotency;
    const generation = this.#generations.current;
    this.#copy(this.#keys.get(id));
    this.#keys.set(id, { id, fingerprint, beganAt, beganIndex, offset, expires: now + window, generation });
  }

  clear(): void {
    this.#keys.clear();
  }

  /** Restores a key from a snapshot. */
  restore(key: KnownKey): void {
    this.#keys.set(key.id, key);
  }

  /** Forgets what has expired, of some of the keys. */
  drop(keys: Iterable<KnownKey>, now: number): void {
    for (const key of keys) {
      if (key.expires > now || this.#keys.get(key.id) !== key) continue;
      this.#copy(key);
      this.#keys.delete(key.id);
    }
  }

  /** A snapshot of an earlier state needs a key that has expired since then: until it did, it made duplicates. */
  #copy(key: KnownKey | undefined): void {
    if (key !== undefined) this.#generations.touch(key);
  }
}

/** Lengths instead of separators, as publishers and keys may contain any character. */
function idOf(channel: string, { publisher, key }: Idempotency): string {
  return `${channel.length}:${publisher.length}:${channel}${publisher}${key}`;
}
