/**
 * Deadlines are whole ticks since the process started: small integers, which V8 stores inside an object. A clock in
 * milliseconds would cost a heap number for each.
 */
export const TICK_MS = 100;

/** The current tick, on a monotonic clock. */
export function tick(): number {
  return Math.floor(performance.now() / TICK_MS);
}

/** The first tick at least `ms` from now. */
export function tickAfter(ms: number): number {
  return Math.ceil((performance.now() + ms) / TICK_MS);
}
