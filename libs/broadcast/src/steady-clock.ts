const ORIGIN = Date.now() - performance.now();

/**
 * The time in ms since the Unix epoch: the system's at the start of the process, and from there on by a monotonic clock.
 * When the system's clock is set later, nothing expires early, and nothing lives on.
 */
export function steadyNow(): number {
  return Math.round(ORIGIN + performance.now());
}
