import { LogUnavailableError, type LogOffset, type LogStart } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import { toOffset } from './entries.js';
import { ANY_EPOCH } from './fetch.js';
import { ErrorCode } from './error-codes.js';
import { problemOf, type LeaderConnection } from './leader.js';
import type { Topic } from './metadata.js';

/** Times with a meaning. */
export const LATEST = -1;
export const EARLIEST = -2;

/** Of an answer: there is no such record. */
const NONE = -1n;
const NO_REPLICA = -1;
const READ_UNCOMMITTED = 0;

/**
 * The offset of the first record at a time (ms since the Unix epoch) or later. The leader only answers up to what all replicas in sync have.
 *
 * @returns undefined if no record is as new.
 * @throws LogUnavailableError
 */
export async function listOffset(
  client: KafkaClient,
  { partition, connection, epoch }: LeaderConnection,
  time: number,
): Promise<LogOffset | undefined> {
  const { api } = client.library.listOffsetsV8;
  const { topics } = await connection.call(api, NO_REPLICA, READ_UNCOMMITTED, [
    { name: client.topic, partitions: [question(partition, epoch, time)] },
  ]);
  const { errorCode = ErrorCode.unknownServerError, offset = NONE } = topics[0]?.partitions[0] ?? {};
  if (errorCode !== ErrorCode.none) {
    throw new LogUnavailableError(`no offset of partition ${partition}: ${problemOf(client, errorCode)}`);
  }
  return offset === NONE ? undefined : toOffset(offset);
}

/** The offset at which a reader begins. @throws LogUnavailableError */
export async function startOffset(client: KafkaClient, leader: LeaderConnection, start: LogStart): Promise<LogOffset> {
  if (typeof start === 'object' && 'offset' in start) return start.offset;
  const list = async (time: number): Promise<LogOffset | undefined> => listOffset(client, leader, time);
  if (start === 'first') return (await list(EARLIEST)) ?? 0;
  const found = start === 'next' ? undefined : await list(start.time);
  return found ?? (await list(LATEST)) ?? 0;
}

/** Whether each partition has a leader that knows that it is. @throws LogUnavailableError */
export async function isServed({ library, brokers, topic: name }: KafkaClient, topic: Topic): Promise<boolean> {
  const byLeader = Map.groupBy(topic.partitions.entries(), ([, { leader }]) => leader?.id);
  const answers = await Promise.all(
    [...byLeader].map(async ([id, partitions]) => {
      const link = id === undefined ? undefined : brokers.link(id, 'calls');
      if (link === undefined) return false;
      const asked = partitions.map(([partition, { leader }]) =>
        question(partition, leader?.epoch ?? ANY_EPOCH, EARLIEST),
      );
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
  currentLeaderEpoch: number,
  time: number,
): { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint } {
  return { partitionIndex, currentLeaderEpoch, timestamp: BigInt(Math.floor(time)) };
}
