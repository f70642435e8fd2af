import { setTimeout as sleep } from 'node:timers/promises';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import type { Brokers } from './brokers.js';
import type { KafkaClient } from './client.js';
import type { BrokerConnection } from './connection.js';
import { ErrorCode, errorName } from './error-codes.js';
import type { Metadata, Topic } from './metadata.js';
import { isServed } from './offsets.js';
import {
  CHECKED_SETTINGS,
  createdReplicas,
  createdSettings,
  missingRights,
  topicProblem,
  type TopicSettings,
} from './topic-rules.js';
import type { KafkaSettings } from './url.js';

/** ms */
const CREATE_TIMEOUT = 1_500;
/** ms between two attempts to find the leaders of a topic that was created. */
const CREATION_PAUSE = 50;

/** Answers to a creation that stay the same until a setting changes. */
const REFUSED_CREATIONS: ReadonlySet<number> = new Set([
  ErrorCode.topicAuthorizationFailed,
  ErrorCode.clusterAuthorizationFailed,
  ErrorCode.invalidPartitions,
  ErrorCode.invalidReplicationFactor,
  ErrorCode.invalidConfig,
  ErrorCode.policyViolation,
]);
const NO_RIGHT: ReadonlySet<number> = new Set([
  ErrorCode.topicAuthorizationFailed,
  ErrorCode.clusterAuthorizationFailed,
]);

/** Of a DescribeConfigs request. */
const TOPIC_RESOURCE = 2 as const;

export interface TopicSize {
  readonly partitions: number;
  /** Bytes of a batch of records that the topic accepts. */
  readonly maxBatch: number;
}

/**
 * Creates the topic if there is none, and checks that it can keep the promises.
 *
 * @throws LogRefusedError
 * @throws LogUnavailableError
 */
export async function openTopic(client: KafkaClient, settings: KafkaSettings, signal: AbortSignal): Promise<TopicSize> {
  const { metadata, brokers } = client;
  await metadata.refresh();
  if (metadata.topic === undefined) await createTopic(client, settings);
  const topic = await servedTopic(client, signal);
  const rights = missingRights(topic);
  if (rights !== undefined) throw new LogRefusedError(rights);
  const found = await describeTopic(client);
  const problem = topicProblem(topic, found, brokers.size, settings);
  if (problem !== undefined) throw new LogRefusedError(problem);
  return { partitions: topic.partitions.length, maxBatch: Number(found.get('max.message.bytes')) };
}

async function createTopic({ library, brokers, metadata }: KafkaClient, settings: KafkaSettings): Promise<void> {
  const connection = await anyConnection(metadata, brokers);
  const replicationFactor = createdReplicas(brokers.size, settings);
  const request = {
    name: settings.topic,
    numPartitions: settings.partitions,
    replicationFactor,
    assignments: [],
    configs: createdSettings(replicationFactor, settings).map(([name, value]) => ({ name, value })),
  };
  const { topics } = await connection.call(library.createTopicsV7.api, [request], CREATE_TIMEOUT, false);
  const { errorCode, errorMessage } = topics[0] ?? { errorCode: ErrorCode.unknownServerError, errorMessage: null };
  // Another pod may have been faster.
  if (errorCode === ErrorCode.none || errorCode === ErrorCode.topicAlreadyExists) return;
  const reason = errorMessage ?? errorName(library.protocolErrorsCodesById, errorCode);
  const text = `the topic ${settings.topic} does not exist and cannot be created (${reason})`;
  if (!REFUSED_CREATIONS.has(errorCode)) throw new LogUnavailableError(text);
  throw new LogRefusedError(NO_RIGHT.has(errorCode) ? `${text}: create it, or grant Create` : text);
}

/** The topic, when each partition is served by its leader: a broker is named as the leader before it knows about it. */
async function servedTopic(client: KafkaClient, signal: AbortSignal): Promise<Topic> {
  for (;;) {
    const { topic } = client.metadata;
    if (topic !== undefined && (await isServed(client, topic))) return topic;
    await sleep(CREATION_PAUSE);
    if (signal.aborted) throw new LogUnavailableError('the topic has partitions without a leader');
    await client.metadata.refresh();
  }
}

async function describeTopic({ library, brokers, metadata, topic }: KafkaClient): Promise<TopicSettings> {
  const connection = await anyConnection(metadata, brokers);
  const resource = {
    resourceType: TOPIC_RESOURCE,
    resourceName: topic,
    configurationKeys: [...CHECKED_SETTINGS],
  };
  const { results } = await connection.call(library.describeConfigsV4.api, [resource], false, false);
  const [result] = results;
  if (result?.errorCode === ErrorCode.topicAuthorizationFailed) {
    throw new LogRefusedError('the user may not read the settings of the topic: grant DescribeConfigs');
  }
  if (result?.errorCode !== ErrorCode.none) {
    const name = errorName(library.protocolErrorsCodesById, result?.errorCode ?? ErrorCode.unknownServerError);
    throw new LogUnavailableError(`the settings of the topic cannot be read (${name})`);
  }
  return new Map(result.configs.map(({ name, value }) => [name, value ?? null]));
}

async function anyConnection({ controller }: Metadata, brokers: Brokers): Promise<BrokerConnection> {
  const link = controller ?? brokers.candidates()[0];
  if (link === undefined) throw new LogUnavailableError('no broker is known');
  return link.get();
}
