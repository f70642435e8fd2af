import type { Topic } from './metadata.js';
import { MAX_PARTITIONS, MIN_PARTITIONS, type KafkaSettings } from './url.js';

/** The settings of the topic that {@link topicProblem} needs. */
export const CHECKED_SETTINGS = [
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.type',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
  'unclean.leader.election.enable',
] as const;

export type TopicSettings = ReadonlyMap<string, string | null>;

/** Bits of `topicAuthorizedOperations`: org.apache.kafka.common.acl.AclOperation */
const OPERATIONS: readonly [name: string, bit: number][] = [
  ['Read', 3],
  ['Write', 4],
  ['Describe', 8],
  ['DescribeConfigs', 10],
];

/** A cluster of this size has a majority without one broker, so a topic should, too. */
const REPLICATED_CLUSTER = 3;
/** Entries are read back from two windows ago. */
const WINDOWS = 2;
/** Longer than needed, so that positions survive a while without pods. */
const CREATED_WINDOWS = 4;

/** The settings of a topic that is created. The others are the cluster's. */
export function createdSettings(replicas: number, { window }: KafkaSettings): [name: string, value: string][] {
  return [
    ['cleanup.policy', 'delete'],
    ['message.timestamp.type', 'LogAppendTime'],
    ['min.insync.replicas', replicas > 1 ? '2' : '1'],
    ['retention.bytes', '-1'],
    ['retention.ms', `${CREATED_WINDOWS * window}`],
    // Retention deletes whole segments, and a cluster's default for them is a week or a gigabyte.
    ['segment.ms', `${window}`],
    ['unclean.leader.election.enable', 'false'],
  ];
}

/** The number of replicas of a topic that is created. */
export function createdReplicas(brokers: number, { replicas }: KafkaSettings): number {
  return replicas ?? Math.min(Math.max(brokers, 1), REPLICATED_CLUSTER);
}

/** What this client may not do, although it has to; undefined if it has all rights. */
export function missingRights({ operations }: Topic): string | undefined {
  if (operations === undefined) return undefined;
  const missing = OPERATIONS.filter(([, bit]) => (operations & (1 << bit)) === 0).map(([name]) => name);
  return missing.length === 0 ? undefined : `the user lacks rights on the topic: grant ${missing.join(', ')}`;
}

/** Why the topic cannot keep the promises, and what to do; undefined if it can. */
export function topicProblem(
  topic: Topic,
  settings: TopicSettings,
  brokers: number,
  { window, replicas: wanted }: KafkaSettings,
): string | undefined {
  const { partitions } = topic;
  if (partitions.length < MIN_PARTITIONS || partitions.length > MAX_PARTITIONS) {
    return `the topic has ${partitions.length} partitions: create it with ${MIN_PARTITIONS} to ${MAX_PARTITIONS}`;
  }
  const replicas = Math.min(...partitions.map((partition) => partition.replicas));
  const inSync = Number(settings.get('min.insync.replicas'));
  if (replicas === 1 && brokers >= REPLICATED_CLUSTER && wanted !== 1) {
    return 'the topic has one replica and is lost with its broker: create it with 3, or accept that with replicas=1';
  }
  if (replicas > 1 && inSync < 2) {
    return 'min.insync.replicas of the topic is 1, so that acknowledged messages can be lost: set it to 2';
  }
  if (inSync > replicas) {
    return `min.insync.replicas of the topic is ${inSync}, but it has only ${replicas} replicas: set it to ${replicas}`;
  }
  return settingsProblem(settings, window);
}

function settingsProblem(settings: TopicSettings, window: number): string | undefined {
  const text = (name: string): string => settings.get(name) ?? '';
  if (text('cleanup.policy') !== 'delete') {
    return `cleanup.policy of the topic is ${text('cleanup.policy')}, which removes messages: set it to delete`;
  }
  if (text('message.timestamp.type') !== 'LogAppendTime') {
    return 'message.timestamp.type of the topic is not LogAppendTime: set it';
  }
  if (text('unclean.leader.election.enable') !== 'false') {
    return 'unclean.leader.election.enable of the topic is true, so that acknowledged messages can be lost: set it to false';
  }
  const retention = Number(text('retention.ms'));
  if (retention >= 0 && retention < WINDOWS * window) {
    return `retention.ms of the topic is ${retention}: set it to ${WINDOWS * window} or more, twice the window`;
  }
  if (Number(text('retention.bytes')) >= 0) {
    return 'retention.bytes of the topic deletes messages of any age: set it to -1';
  }
  return undefined;
}
