import { hash } from 'node:crypto';
import type { Config } from '../config/index.js';

/** What differs between pods that are configured alike, and the functions that read secrets again. */
const OF_ONE_POD: ReadonlySet<string> = new Set(['node', 'port', 'managementPort', 'secretFiles']);

/**
 * Identifies the configuration: pods with the same fingerprint are configured alike. Secrets do not count, because nobody
 * should be able to guess them from it.
 */
export function fingerprintOf(config: Config): string {
  const text = JSON.stringify(config, (key, value: unknown) => {
    if (OF_ONE_POD.has(key)) return undefined;
    return value instanceof Map ? Object.fromEntries(value) : value;
  });
  return hash('sha256', text, 'hex').slice(0, 16);
}
