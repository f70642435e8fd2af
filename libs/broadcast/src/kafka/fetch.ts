import type { fetchV13 as FetchV13 } from '@platformatic/kafka';
import type { LogOffset } from '../log/log-adapter.js';
import { LogUnavailableError } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import type { BrokerConnection } from './connection.js';
import { ErrorCode } from './error-codes.js';
import { problemOf } from './leader.js';
import type { KafkaLibrary } from './library.js';

/** Bytes of an answer, and of one partition in it. A batch is never split, whatever its size. */
const MAX_BYTES = 2 << 20;
const MAX_PARTITION_BYTES = 512 << 10;
const MIN_BYTES = 1;

const READ_UNCOMMITTED = 0;
/** Of a request: every broker may answer. */
export const ANY_EPOCH = -1;

/** Of a request that names all partitions, and needs no session. */
export const NO_SESSION: SessionState = { id: 0, epoch: -1 };

export type FetchedPartition = FetchV13.FetchResponsePartition;

export interface FetchPosition {
  readonly partition: number;
  /** Of the leader that is asked. */
  readonly leaderEpoch: number;
  readonly offset: LogOffset;
  /** The leader epoch of the record before it: if that is gone, the answer says so. */
  readonly epoch: number | undefined;
}

/** Which request of a fetch session it is: https://cwiki.apache.org/confluence/x/ooRzBQ (KIP-227) */
export interface SessionState {
  readonly id: number;
  readonly epoch: number;
}

export interface FetchAnswer {
  readonly errorCode: number;
  /** 0 if the broker has made no session. */
  readonly sessionId: number;
  readonly partitions: readonly FetchedPartition[];
}

/**
 * Reads from a leader, by the topic's id: a topic of the same name that was created later is another one.
 *
 * @param wait ms for which the broker waits for data.
 * @throws LogUnavailableError if there is no answer.
 */
export async function fetchFrom(
  client: KafkaClient,
  connection: BrokerConnection,
  topicId: string,
  positions: readonly FetchPosition[],
  wait: number,
): Promise<readonly FetchedPartition[]> {
  const { errorCode, partitions } = await fetchInSession(
    client.library,
    connection,
    NO_SESSION,
    topicId,
    positions,
    [],
    wait,
  );
  if (errorCode !== ErrorCode.none) throw new LogUnavailableError(problemOf(client, errorCode));
  return partitions;
}

/**
 * The same in a session, in which a request names only what has changed since the one before.
 *
 * @param forgotten partitions to be left out from now on.
 */
export async function fetchInSession(
  { fetchV13 }: KafkaLibrary,
  connection: BrokerConnection,
  { id, epoch: sessionEpoch }: SessionState,
  topicId: string,
  positions: readonly FetchPosition[],
  forgotten: readonly number[],
  wait: number,
): Promise<FetchAnswer> {
  const partitions = positions.map(({ partition, leaderEpoch, offset, epoch }) => ({
    partition,
    currentLeaderEpoch: leaderEpoch,
    fetchOffset: BigInt(offset),
    lastFetchedEpoch: epoch ?? ANY_EPOCH,
    partitionMaxBytes: MAX_PARTITION_BYTES,
  }));
  const { errorCode, sessionId, responses } = await connection.call(
    fetchV13.api,
    wait,
    MIN_BYTES,
    MAX_BYTES,
    READ_UNCOMMITTED,
    id,
    sessionEpoch,
    partitions.length > 0 ? [{ topicId, partitions }] : [],
    forgotten.length > 0 ? [{ topic: topicId, partitions: [...forgotten] }] : [],
    '',
  );
  return { errorCode, sessionId, partitions: responses.flatMap((topic) => topic.partitions) };
}
