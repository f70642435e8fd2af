import { LogUnavailableError, type LogOffset, type LogStart } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import type { BrokerConnection } from './connection.js';
import { toOffset } from './entries.js';
import { ErrorCode, errorName } from './error-codes.js';
import type { KafkaLibrary } from './library.js';
import type { Topic } from './metadata.js';

/** Times with a meaning. */
export const LATEST = -1;
export const EARLIEST = -2;

/** Of an answer: there is no such record. */
const NONE = -1n;
const NO_REPLICA = -1;
const READ_UNCOMMITTED = 0;
const ANY_EPOCH = -1;

/**
 * The offset of the first record at a time (ms since the Unix epoch) or later. The leader only answers up to what all replicas in sync have.
 *
 * @returns undefined if no record is as new.
 * @throws LogUnavailableError
 */
export async function listOffset(
  { listOffsetsV8, protocolErrorsCodesById }: KafkaLibrary,
  connection: BrokerConnection,
  topic: string,
  partition: number,
  time: number,
): Promise<LogOffset | undefined> {
  const { topics } = await connection.call(listOffsetsV8.api, NO_REPLICA, READ_UNCOMMITTED, [
    { name: topic, partitions: [question(partition, time)] },
  ]);
  const { errorCode = ErrorCode.unknownServerError, offset = NONE } = topics[0]?.partitions[0] ?? {};
  if (errorCode !== ErrorCode.none) {
    throw new LogUnavailableError(
      `no offset of partition ${partition}: ${errorName(protocolErrorsCodesById, errorCode)}`,
    );
  }
  return offset === NONE ? undefined : toOffset(offset);
}

/** The offset at which a reader begins. @throws LogUnavailableError */
export async function startOffset(
  library: KafkaLibrary,
  connection: BrokerConnection,
  topic: string,
  partition: number,
  start: LogStart,
): Promise<LogOffset> {
  if (typeof start === 'object' && 'offset' in start) return start.offset;
  const list = async (time: number): Promise<LogOffset | undefined> =>
    listOffset(library, connection, topic, partition, time);
  if (start === 'first') return (await list(EARLIEST)) ?? 0;
  const found = start === 'next' ? undefined : await list(start.time);
  return found ?? (await list(LATEST)) ?? 0;
}

/** Whether each partition has a leader that knows that it is. @throws LogUnavailableError */
export async function isServed({ library, brokers, topic: name }: KafkaClient, topic: Topic): Promise<boolean> {
  const byLeader = Map.groupBy(topic.partitions.keys(), (partition) => topic.partitions[partition]?.leader);
  const answers = await Promise.all(
    [...byLeader].map(async ([leader, partitions]) => {
      const link = leader === undefined ? undefined : brokers.link(leader, 'calls');
      if (link === undefined) return false;
      const asked = partitions.map((partitionIndex) => question(partitionIndex, EARLIEST));
      const connection = await link.get();
      const { topics } = await connection.call(library.listOffsetsV8.api, NO_REPLICA, READ_UNCOMMITTED, [
        { name, partitions: asked },
      ]);
      return topics[0]?.partitions.every(({ errorCode }) => errorCode === ErrorCode.none) === true;
    }),
  );
  return answers.every(Boolean);
}

function question(
  partitionIndex: number,
  time: number,
): { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint } {
  return { partitionIndex, currentLeaderEpoch: ANY_EPOCH, timestamp: BigInt(Math.floor(time)) };
}
