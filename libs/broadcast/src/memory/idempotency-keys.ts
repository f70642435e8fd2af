import type { Idempotency, Position } from '../broker.js';
import { KeyConflictError } from '../errors.js';
import { ExpiryQueue, type Expiring } from './expiry-queue.js';

interface KnownKey extends Expiring {
  readonly id: string;
  readonly fingerprint: string;
  readonly position: Position;
  readonly expires: number;
}

/** The keys under which something was published within their windows. */
export class IdempotencyKeys {
  readonly #known = new Map<string, KnownKey>();
  readonly #expiry: ExpiryQueue<KnownKey>;

  constructor(now: number) {
    this.#expiry = new ExpiryQueue(now);
  }

  get size(): number {
    return this.#known.size;
  }

  /**
   * What the first publish under this key was answered.
   *
   * @throws KeyConflictError when that one had another fingerprint.
   */
  find(channel: string, idempotency: Idempotency, now: number): Position | undefined {
    const known = this.#known.get(idOf(channel, idempotency));
    if (known === undefined || known.expires <= now) return undefined;
    if (known.fingerprint !== idempotency.fingerprint) {
      throw new KeyConflictError('the key was used before with other data');
    }
    return known.position;
  }

  add(channel: string, idempotency: Idempotency, position: Position, now: number): void {
    const id = idOf(channel, idempotency);
    const { fingerprint, window } = idempotency;
    const known: KnownKey = { id, fingerprint, position, expires: now + window, slice: Infinity };
    this.#known.set(id, known);
    this.#expiry.schedule(known, known.expires);
  }

  sweep(now: number, limit: number): void {
    this.#expiry.sweep(now, limit, (known) => {
      // The key may have been used again since.
      if (this.#known.get(known.id) === known) this.#known.delete(known.id);
    });
  }
}

/** Lengths instead of separators: publishers and keys may hold any character. */
function idOf(channel: string, { publisher, key }: Idempotency): string {
  return `${channel.length}:${publisher.length}:${channel}${publisher}${key}`;
}
