import type { LogOffset } from '../log-adapter.js';

/** ms for which an arrival is waited for before it is suspected that nothing will arrive there: the end of a log may be a hole. */
const PATIENCE = 100;

interface Arrival {
  readonly offset: LogOffset;
  readonly resolve: () => void;
}

/** Those who wait until the entries before an offset are read. */
export class Arrivals {
  #waiting: Arrival[] = [];

  /** @returns false if that takes too long. */
  async before(offset: LogOffset): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), PATIENCE);
      const arrived = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#waiting.push({ offset, resolve: arrived });
    });
  }

  /** @param at the offset after the last entry that was read. */
  reached(at: LogOffset): void {
    if (this.#waiting.length === 0) return;
    const arrived = this.#waiting.filter(({ offset }) => offset <= at);
    this.#waiting = this.#waiting.filter(({ offset }) => offset > at);
    for (const { resolve } of arrived) resolve();
  }
}
