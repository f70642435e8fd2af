import { vi } from 'vitest';

/** Retries until the assertions hold, or the time is over. */
export async function eventually<T>(assertions: () => T | Promise<T>, timeout = 15_000): Promise<T> {
  return vi.waitFor(assertions, { timeout, interval: 50 });
}
