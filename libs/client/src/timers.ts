/** Undoes what returned it; undoing twice, or too late, does nothing. */
export type Cancel = () => void;

/** Beyond this many ms a timer fires at once (HTML and Node keep delays in 32 bits). */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Runs `run` once in `delay` ms, or after 24 days where that is sooner. */
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
