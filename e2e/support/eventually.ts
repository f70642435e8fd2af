import { vi } from 'vitest';

/** Repeats an assertion until it holds, because ingress controllers and kube-proxy take a moment to apply a change on each node. */
export function eventually<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: 30_000, interval: 200 });
}
