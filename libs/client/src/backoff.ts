export interface BackoffOptions {
  /** Upper bound of the first delay, in ms; it doubles with every attempt. */
  readonly base: number;
  /** Upper bound of every delay, in ms. */
  readonly max: number;
}

/**
 * Exponential back-off with full jitter: every delay is random below its bound, so that clients that lost the same
 * gateway do not reconnect at the same time.
 */
export class Backoff {
  readonly max: number;
  readonly #base: number;
  #attempts = 0;

  constructor({ base, max }: BackoffOptions) {
    this.#base = base;
    this.max = max;
  }

  /** The next delay, in ms. */
  next(): number {
    return Math.random() * Math.min(this.max, this.#base * 2 ** this.#attempts++);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
