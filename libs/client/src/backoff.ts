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

/** A client that is asked to leave does so at a random moment within this part of its time. */
const EARLY = 0.25;
/** The upper limit in ms: the gateway asks few clients at a time, so a longer delay would only crowd them at the end. */
const EARLY_AT_MOST = 1_000;

/** How long a client that has to leave within `left` ms waits before it connects elsewhere, in ms. */
export function moveDelay(left: number): number {
  return Math.random() * Math.min(EARLY * left, EARLY_AT_MOST);
}
