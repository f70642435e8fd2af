import type { KafkaRecord, RecordsBatch } from '@platformatic/kafka';
import type { LogEntry, LogOffset } from '../log/log-adapter.js';

/** Attributes of a batch: https://kafka.apache.org/documentation/#recordbatch */
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

/** The engine ignores such an entry, but sees that it was read. */
const NOTHING: Content = { data: new Uint8Array() };

type Content = Pick<LogEntry, 'data' | 'plain'>;

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
    for (const record of records) {
      const offset = base + record.offsetDelta;
      if (offset < next) continue;
      entries.push({ offset, time, ...(isOurs ? contentOf(record) : NOTHING) });
    }
    // A batch can end with records that are gone.
    if (entries.at(-1)?.offset !== end - 1) entries.push({ offset: end - 1, time, ...NOTHING });
    next = end;
    epoch = partitionLeaderEpoch;
  }
  return { entries, next, epoch };
}

/**
 * The engine's entries have neither a key nor headers. Other records are messages of backends: the channel is the record's key, or
 * the header `channel`; the idempotency key is the header `key`.
 */
function contentOf({ key, value, headers }: KafkaRecord): Content {
  if (value === null) return NOTHING;
  if (key === null && headers.length === 0) return { data: value };
  const channel = headerOf(headers, 'channel') ?? key;
  const plain = { channel: channel?.toString() ?? '', key: headerOf(headers, 'key')?.toString(), body: value };
  return { ...NOTHING, plain };
}

function headerOf(headers: KafkaRecord['headers'], name: string): Buffer | undefined {
  return headers.find(([key]) => key?.toString() === name)?.[1] ?? undefined;
}

export function toOffset(offset: bigint): LogOffset {
  const number = Number(offset);
  if (!Number.isSafeInteger(number)) throw new RangeError('an offset of the partition is not a safe integer');
  return number;
}
