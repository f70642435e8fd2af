import { setTimeout as sleep } from 'node:timers/promises';

/** ms between two attempts. */
const INTERVAL = 50;

/** Retries until the assertions hold, or the time is over. It works outside of tests as well: the benchmark starts the same servers. */
export async function eventually<T>(assertions: () => T | Promise<T>, timeout = 15_000): Promise<T> {
  const deadline = performance.now() + timeout;
  const late = Promise.withResolvers<never>();
  let last: unknown = new Error(`nothing happened within ${timeout} ms`);
  const timer = setTimeout(() => late.reject(last), timeout);
  try {
    for (;;) {
      try {
        return await Promise.race([assertions(), late.promise]);
      } catch (error) {
        if (performance.now() >= deadline) throw error;
        last = error;
      }
      await Promise.race([sleep(INTERVAL), late.promise]);
    }
  } finally {
    clearTimeout(timer);
  }
}
