import type { Idempotency, Position } from '../broker.js';
import { KeyConflictError } from '../errors.js';
import { ExpiryQueue, type Expiring } from './expiry-queue.js';

interface KnownKey extends Expiring {
  readonly id: string;
  readonly fingerprint: string;
  readonly position: Position;
  readonly expires: number;
}

/** The idempotency keys whose windows have not ended. */
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
   * The position of the first publish with this key.
   *
   * @throws KeyConflictError if it had another fingerprint.
   */
  find(channel: string, idempotency: Idempotency, now: number): Position | undefined {
    const known = this.#known.get(idOf(channel, idempotency));
    if (known === undefined || known.expires <= now) return undefined;
    if (known.fingerprint !== idempotency.fingerprint) {
      throw new KeyConflictError('the key was used before with different data');
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
      // The key may have been used again since then.
      if (this.#known.get(known.id) === known) this.#known.delete(known.id);
    });
  }
}

/** Lengths instead of separators, as publishers and keys may contain any character. */
function idOf(channel: string, { publisher, key }: Idempotency): string {
  return `${channel.length}:${publisher.length}:${channel}${publisher}${key}`;
}
