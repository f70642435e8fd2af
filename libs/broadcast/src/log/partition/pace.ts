import { LONGEST_PAUSE, SHORTEST_PAUSE } from './persist.js';

/** ms between two attempts that have nothing to do with each other. */
const CALM = 5_000;
/** Attempts soon after each other that need no pause. */
const FREE = 3;

/** How long attempts to read wait: a reader that ends again and again must not keep the server busy. */
export class Pace {
  #last = -Infinity;
  #count = 0;

  /** @returns ms before the attempt that is due now. */
  next(): number {
    const now = performance.now();
    this.#count = now - this.#last < CALM ? this.#count + 1 : 0;
    this.#last = now;
    return this.#count <= FREE ? 0 : Math.min(SHORTEST_PAUSE * 2 ** this.#count, LONGEST_PAUSE);
  }
}
