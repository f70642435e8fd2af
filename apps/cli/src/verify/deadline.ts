import { EXIT, Failure } from '../failure.js';

/** The time limit of all checks. */
export class Deadline {
  readonly #end: number;

  /** @param limit from now, in ms. */
  constructor(limit: number) {
    this.#end = performance.now() + limit;
  }

  /** In ms, not below 0. */
  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /**
   * Waits for a promise, but not beyond the deadline.
   *
   * @param missing describes what has not happened by then.
   * @throws Failure
   */
  async within<T>(promise: Promise<T>, missing: () => string): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Failure(EXIT.failed, `out of time: ${missing()}`)), this.left);
    try {
      return await Promise.race([promise, over]);
    } finally {
      clearTimeout(timer);
    }
  }
}
