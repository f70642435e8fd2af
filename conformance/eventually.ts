import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 10;

/**
 * Waits until `read` returns something.
 *
 * @param what is expected, for the error message.
 */
export async function eventually<T>(what: string, read: () => T | undefined | false, timeoutMs = 5_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`expected ${what} within ${timeoutMs} ms`);
    await sleep(INTERVAL_MS);
  }
}

/** Watches for a while that something does not happen. */
export async function never(what: string, read: () => boolean, forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    if (read()) throw new Error(`expected not to see ${what}`);
    await sleep(INTERVAL_MS);
  }
}
