import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** The memory that this process may use, in bytes. */
export interface ProcessMemory {
  /** The container's limit, or else the machine's memory. */
  readonly total: number;
  /** The part of the JavaScript heap for long-lived objects: the old generation. */
  readonly heap: number;
}

const MIB = 2 ** 20;
const OLD_SPACE_SIZE = /--max[-_]old[-_]space[-_]size=(\d+)/g;

/** V8 adds the young generation to its limit: three semi-spaces of 1/128 of the old generation each, at most 32 MiB. */
const YOUNG_SHARE = 3 / 128;
const MAX_YOUNG = 96 * MIB;

/** Reads the limits of cgroup v1 or v2, of the machine and of V8. */
export function processMemory(): ProcessMemory {
  const total = Math.min(process.constrainedMemory() || Infinity, totalmem());
  const { heap_size_limit: limit } = getHeapStatistics();
  const old = Math.max(limit - MAX_YOUNG, limit / (1 + YOUNG_SHARE));
  // With this flag the young generation follows from the machine's memory instead.
  const options = `${process.env['NODE_OPTIONS'] ?? ''} ${process.execArgv.join(' ')}`;
  const set = [...options.matchAll(OLD_SPACE_SIZE)].at(-1)?.[1];
  return { total, heap: Math.min(set === undefined ? old : Number(set) * MIB, limit, total) };
}
