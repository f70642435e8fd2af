/**
 * Deadlines are kept as whole ticks since the process began: small integers, which V8 stores inside an object, where a
 * millisecond clock would cost a heap number for each.
 */
export const TICK_MS = 100;

/** The present tick, by a clock that never goes back. */
export function tick(): number {
  return Math.floor(performance.now() / TICK_MS);
}

/** The first tick that is at least `ms` away. */
export function tickAfter(ms: number): number {
  return Math.ceil((performance.now() + ms) / TICK_MS);
}
