/** Cancels what returned it. Calling it twice, or too late, has no effect. */
export type Cancel = () => void;

/** A timer with a longer delay in ms fires at once, because HTML and Node store delays in 32 bits. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Calls `run` once after `delay` ms, or after 24 days if that is sooner. */
export function after(delay: number, run: () => void): Cancel {
  const timer = setTimeout(run, Math.min(Math.max(delay, 0), LONGEST_DELAY));
  return () => clearTimeout(timer);
}

/** Waits for a promise that never rejects, but no longer than `limit` ms. */
export async function atMost(limit: number, promise: Promise<void>): Promise<void> {
  const timeUp = Promise.withResolvers<void>();
  const cancel = after(limit, timeUp.resolve);
  await Promise.race([promise, timeUp.promise]);
  cancel();
}
