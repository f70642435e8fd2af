import type { fetchV13 as FetchV13 } from '@platformatic/kafka';
import type { LogOffset } from '../log/log-adapter.js';
import { LogUnavailableError } from '../log/log-adapter.js';
import type { BrokerConnection } from './connection.js';
import { ErrorCode, errorName } from './error-codes.js';
import type { KafkaLibrary } from './library.js';

/** Bytes of an answer, and of one partition in it. A batch is never split, whatever its size. */
const MAX_BYTES = 2 << 20;
const MAX_PARTITION_BYTES = 512 << 10;
const MIN_BYTES = 1;

const READ_UNCOMMITTED = 0;
/** No incremental session: each request names all partitions. */
const NO_SESSION = 0;
const NO_SESSION_EPOCH = -1;
const ANY_EPOCH = -1;

export type FetchedPartition = FetchV13.FetchResponsePartition;

export interface FetchPosition {
  readonly partition: number;
  readonly offset: LogOffset;
  /** The leader epoch of the record before it: if that is gone, the answer says so. */
  readonly epoch: number | undefined;
}

/**
 * Reads from a leader, by the topic's id: a topic of the same name that was created later is another one.
 *
 * @param wait ms for which the broker waits for data.
 * @throws LogUnavailableError if there is no answer.
 */
export async function fetchFrom(
  { fetchV13, protocolErrorsCodesById }: KafkaLibrary,
  connection: BrokerConnection,
  topicId: string,
  positions: readonly FetchPosition[],
  wait: number,
): Promise<FetchedPartition[]> {
  const partitions = positions.map(({ partition, offset, epoch }) => ({
    partition,
    currentLeaderEpoch: ANY_EPOCH,
    fetchOffset: BigInt(offset),
    lastFetchedEpoch: epoch ?? ANY_EPOCH,
    partitionMaxBytes: MAX_PARTITION_BYTES,
  }));
  const { errorCode, responses } = await connection.call(
    fetchV13.api,
    wait,
    MIN_BYTES,
    MAX_BYTES,
    READ_UNCOMMITTED,
    NO_SESSION,
    NO_SESSION_EPOCH,
    [{ topicId, partitions }],
    [],
    '',
  );
  if (errorCode !== ErrorCode.none) throw new LogUnavailableError(errorName(protocolErrorsCodesById, errorCode));
  return responses.flatMap((topic) => topic.partitions);
}
