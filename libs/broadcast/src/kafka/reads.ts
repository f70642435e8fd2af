import {
  LogUnavailableError,
  type LogBounds,
  type LogEntry,
  type LogOffset,
  type LogStart,
} from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import { toEntries } from './entries.js';
import { ErrorCode } from './error-codes.js';
import { fetchFrom, type FetchPosition } from './fetch.js';
import { leaderOf, problemOf, type LeaderConnection } from './leader.js';
import { EARLIEST, LATEST, listOffset, startOffset } from './offsets.js';

/** Beyond the end of every log. */
const NOWHERE = Number.MAX_SAFE_INTEGER;
const NO_WAIT = 0;

/** Where a partition begins and ends. @throws LogUnavailableError */
export async function readBounds(client: KafkaClient, partition: number): Promise<LogBounds> {
  const leader = await leaderOf(client, partition);
  const topicId = presentTopic(client);
  const list = async (time: number): Promise<LogOffset> => (await listOffset(client, leader, time)) ?? 0;
  const [[answer], first, next] = await Promise.all([
    // Offsets are listed by name: this asks whether the topic still is the one with this id.
    fetchFrom(client, leader.connection, topicId, [position(leader, NOWHERE)], NO_WAIT),
    list(EARLIEST),
    list(LATEST),
  ]);
  if (answer?.errorCode !== ErrorCode.offsetOutOfRange) throw failure(client, answer?.errorCode);
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
  const leader = await leaderOf(client, partition);
  const topicId = presentTopic(client);
  const list = async (time: number): Promise<LogOffset> => (await listOffset(client, leader, time)) ?? 0;
  const found: LogEntry[] = [];
  let offset = await startOffset(client, leader, start);
  while (found.length < limit) {
    if (signal.aborted) throw new LogUnavailableError('no answer in time');
    const [answer] = await fetchFrom(client, leader.connection, topicId, [position(leader, offset)], NO_WAIT);
    if (answer?.errorCode === ErrorCode.offsetOutOfRange) {
      const first = await list(EARLIEST);
      if (offset >= first) break;
      offset = first;
      continue;
    }
    if (answer?.errorCode !== ErrorCode.none) throw failure(client, answer?.errorCode);
    const { entries, next } = toEntries(answer.records ?? [], offset);
    found.push(...entries);
    offset = next;
    // A leader that has just been elected shows less than there is. Only the list of offsets is an error until then.
    if (BigInt(next) >= answer.highWatermark && next >= (await list(LATEST))) break;
  }
  return found.slice(0, limit);
}

function presentTopic({ metadata }: KafkaClient): string {
  const topicId = metadata.topic?.id;
  if (topicId === undefined) throw new LogUnavailableError('the topic does not exist');
  return topicId;
}

function position({ partition, epoch }: LeaderConnection, offset: LogOffset): FetchPosition {
  return { partition, leaderEpoch: epoch, offset, epoch: undefined };
}

function failure(client: KafkaClient, errorCode: number = ErrorCode.unknownServerError): LogUnavailableError {
  return new LogUnavailableError(problemOf(client, errorCode));
}
