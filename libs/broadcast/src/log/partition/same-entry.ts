import type { LogEntry } from '../log-adapter.js';

const NO_BYTES = Buffer.alloc(0);

/** Whether an entry that was read again is the one that was read before. */
export function isSame(one: LogEntry, other: LogEntry): boolean {
  const isSamePlain =
    one.plain?.channel === other.plain?.channel &&
    Buffer.compare(one.plain?.body ?? NO_BYTES, other.plain?.body ?? NO_BYTES) === 0;
  return one.offset === other.offset && isSamePlain && Buffer.compare(one.data, other.data) === 0;
}
