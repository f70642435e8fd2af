/** ms between the beginnings of two statements, at least and at most. */
const LEAST = 2;
const MOST = 10;
/** The share of the time in which a statement of the kind runs is 1 / FACTOR at most. */
const FACTOR = 3;
/** How much the latest duration counts. */
const WEIGHT = 0.2;

/**
 * Spaces statements that are repeated while there is traffic: one brings what several publishes have changed. The pause is in
 * proportion to how long they take, so that a server with time to spare delivers sooner, and a busy one has less to do.
 */
export class Pace {
  #begun = -Infinity;
  #duration = 0;

  /** ms until the next statement may begin. */
  get wait(): number {
    return this.#begun + Math.min(Math.max(this.#duration * FACTOR, LEAST), MOST) - performance.now();
  }

  /** A statement begins. */
  begin(): void {
    this.#begun = performance.now();
  }

  /** It has been answered. */
  end(): void {
    this.#duration += WEIGHT * (performance.now() - this.#begun - this.#duration);
  }
}
