import type { RecordsBatch } from '@platformatic/kafka';
import type { LogEntry, LogOffset } from '../log/log-adapter.js';

/** Attributes of a batch: https://kafka.apache.org/documentation/#recordbatch */
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

/** The engine ignores such an entry, but sees that it was read. */
const EMPTY = new Uint8Array();

export interface ReadEntries {
  readonly entries: LogEntry[];
  /** The offset after the last batch. */
  readonly next: LogOffset;
  /** The leader epoch of the last batch; undefined if there was none. */
  readonly epoch: number | undefined;
}

/**
 * The entries from an offset on. A fetch returns whole batches, which may begin before it.
 *
 * What other clients wrote in transactions is left out, because it is not known whether they were aborted: waiting for that
 * would let any client stop the log.
 *
 * @throws RangeError if an offset is not a safe integer.
 */
export function toEntries(batches: readonly RecordsBatch[], from: LogOffset): ReadEntries {
  const entries: LogEntry[] = [];
  let next = from;
  let epoch: number | undefined;
  for (const { firstOffset, lastOffsetDelta, attributes, maxTimestamp, partitionLeaderEpoch, records } of batches) {
    const base = toOffset(firstOffset);
    const end = base + lastOffsetDelta + 1;
    if (end <= next) continue;
    // One time for all records, from the leader's clock.
    const time = (attributes & LOG_APPEND_TIME) === 0 ? undefined : Number(maxTimestamp);
    const isOurs = (attributes & (TRANSACTIONAL | CONTROL)) === 0;
    for (const { offsetDelta, key, value, headers } of records) {
      const offset = base + offsetDelta;
      if (offset < next) continue;
      const isEntry = isOurs && key === null && headers.length === 0;
      entries.push({ offset, time, data: (isEntry ? value : null) ?? EMPTY });
    }
    // A batch can end with records that are gone.
    if (entries.at(-1)?.offset !== end - 1) entries.push({ offset: end - 1, time, data: EMPTY });
    next = end;
    epoch = partitionLeaderEpoch;
  }
  return { entries, next, epoch };
}

export function toOffset(offset: bigint): LogOffset {
  const number = Number(offset);
  if (!Number.isSafeInteger(number)) throw new RangeError('an offset of the partition is not a safe integer');
  return number;
}
