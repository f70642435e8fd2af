const ORIGIN = Date.now() - performance.now();

/**
 * Milliseconds since the Unix epoch: the system's time at the start of the process, continued by a monotonic clock. If the system
 * clock is changed later, nothing expires too early or too late.
 */
export function steadyNow(): number {
  return Math.round(ORIGIN + performance.now());
}
