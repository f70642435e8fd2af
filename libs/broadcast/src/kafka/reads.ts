import {
  LogUnavailableError,
  type LogBounds,
  type LogEntry,
  type LogOffset,
  type LogStart,
} from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import type { BrokerConnection } from './connection.js';
import { toEntries } from './entries.js';
import { ErrorCode, errorName } from './error-codes.js';
import { fetchFrom } from './fetch.js';
import { EARLIEST, LATEST, listOffset, startOffset } from './offsets.js';

/** Beyond the end of every log. */
const NOWHERE = Number.MAX_SAFE_INTEGER;
const NO_WAIT = 0;

/** Where a partition begins and ends. @throws LogUnavailableError */
export async function readBounds(client: KafkaClient, partition: number): Promise<LogBounds> {
  const { library, metadata, topic } = client;
  const { connection, topicId } = await leader(client, partition);
  const list = async (time: number): Promise<LogOffset> =>
    (await listOffset(library, connection, topic, partition, time)) ?? 0;
  const [[answer], first, next] = await Promise.all([
    // Offsets are listed by name: this asks whether the topic still is the one with this id.
    fetchFrom(library, connection, topicId, [{ partition, offset: NOWHERE, epoch: undefined }], NO_WAIT),
    list(EARLIEST),
    list(LATEST),
  ]);
  if (answer?.errorCode !== ErrorCode.offsetOutOfRange) {
    metadata.outdated();
    throw new LogUnavailableError(errorText(client, answer?.errorCode));
  }
  return { incarnation: topicId, first, next };
}

/** Entries from a start on: fewer than `limit` only at the end of the log. @throws LogUnavailableError */
export async function readEntries(
  client: KafkaClient,
  partition: number,
  start: LogStart,
  limit: number,
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  const { library, metadata, topic } = client;
  const { connection, topicId } = await leader(client, partition);
  const list = async (time: number): Promise<LogOffset> =>
    (await listOffset(library, connection, topic, partition, time)) ?? 0;
  const found: LogEntry[] = [];
  let offset = await startOffset(library, connection, topic, partition, start);
  while (found.length < limit) {
    if (signal.aborted) throw new LogUnavailableError('no answer in time');
    const positions = [{ partition, offset, epoch: undefined }];
    const [answer] = await fetchFrom(library, connection, topicId, positions, NO_WAIT);
    if (answer?.errorCode === ErrorCode.offsetOutOfRange) {
      const first = await list(EARLIEST);
      if (offset >= first) break;
      offset = first;
      continue;
    }
    if (answer?.errorCode !== ErrorCode.none) {
      metadata.outdated();
      throw new LogUnavailableError(errorText(client, answer?.errorCode));
    }
    const { entries, next } = toEntries(answer.records ?? [], offset);
    found.push(...entries);
    offset = next;
    // A leader that has just been elected shows less than there is. Only the list of offsets is an error until then.
    if (BigInt(next) >= answer.highWatermark && next >= (await list(LATEST))) break;
  }
  return found.slice(0, limit);
}

async function leader(
  { metadata }: KafkaClient,
  partition: number,
): Promise<{ connection: BrokerConnection; topicId: string }> {
  const connection = await metadata.leaderLink(partition).get();
  const topicId = metadata.topic?.id;
  if (topicId === undefined) throw new LogUnavailableError('the topic does not exist');
  return { connection, topicId };
}

function errorText({ library }: KafkaClient, code: number = ErrorCode.unknownServerError): string {
  return `the broker answered ${errorName(library.protocolErrorsCodesById, code)}`;
}
