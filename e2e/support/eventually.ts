import { vi } from 'vitest';

/** Ingress controllers and kube-proxy take a moment to hear of a change, on each node. Repeats a look until it holds. */
export function eventually<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: 30_000, interval: 200 });
}
