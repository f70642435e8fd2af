/** ms between two looks at the clock. */
const TICK = 20;

let running = 0;
let last = performance.now();
setInterval(ran, TICK).unref();

/** ms for which this process ran: a stall counts as two ticks. */
function ran(): number {
  const now = performance.now();
  running += Math.min(now - last, 2 * TICK);
  last = now;
  return running;
}

/**
 * Measures how long something takes, without the time for which the machine did not let this process run. So an upper bound on what
 * happens in this process, or is waited for with its timers, also holds on a busy machine. A process that blocks itself is
 * not noticed.
 */
export class Stopwatch {
  readonly #began = ran();

  /** ms since it was created. */
  get elapsed(): number {
    return ran() - this.#began;
  }
}
