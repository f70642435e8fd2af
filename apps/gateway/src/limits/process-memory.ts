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

/** V8 adds the young generation to its limit: three semi-spaces. */
const SEMI_SPACES = 3;
/** The size of each of them, if no flag sets it: a share of the old generation, at most 32 MiB. */
const SEMI_SPACE_SHARE = 1 / 128;
const MAX_SEMI_SPACE = 32 * MIB;

/** Reads the limits of cgroup v1 or v2, of the machine and of V8. */
export function processMemory(): ProcessMemory {
  const total = Math.min(process.constrainedMemory() || Infinity, totalmem());
  const { heap_size_limit: limit } = getHeapStatistics();
  // With this flag alone, the young generation follows from the machine's memory instead.
  const old = flag('max-old-space-size') ?? limit - youngOf(limit);
  return { total, heap: Math.min(old, limit, total) };
}

function youngOf(limit: number): number {
  const semiSpace = flag('max-semi-space-size');
  if (semiSpace !== undefined) return SEMI_SPACES * semiSpace;
  const share = SEMI_SPACES * SEMI_SPACE_SHARE;
  return Math.min(SEMI_SPACES * MAX_SEMI_SPACE, limit - limit / (1 + share));
}

/** A flag of V8 in MiB, as bytes. The last one counts. */
function flag(name: string): number | undefined {
  const options = `${process.env['NODE_OPTIONS'] ?? ''} ${process.execArgv.join(' ')}`;
  const pattern = new RegExp(`--${name.replaceAll('-', '[-_]')}=(\\d+)`, 'g');
  const value = [...options.matchAll(pattern)].at(-1)?.[1];
  return value === undefined ? undefined : Number(value) * MIB;
}
