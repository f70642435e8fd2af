import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** What this process may use, in bytes. */
export interface ProcessMemory {
  /** The container's limit, or else the machine's memory. */
  readonly total: number;
  /** What of the JavaScript heap is for objects that stay. */
  readonly heap: number;
}

/** V8 adds the young generation to the limit that `--max-old-space-size` sets: up to 96 MiB. */
const YOUNG_GENERATION = 96 * 2 ** 20;

/** Reads the limits of cgroup v1 or v2, of the machine and of V8. */
export function processMemory(): ProcessMemory {
  const { heap_size_limit: limit } = getHeapStatistics();
  const total = Math.min(process.constrainedMemory() || Infinity, totalmem());
  return { total, heap: Math.min(Math.max(limit - YOUNG_GENERATION, limit / 2), total) };
}
