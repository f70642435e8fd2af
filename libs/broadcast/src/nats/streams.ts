import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { LogRefusedError } from '../log/log-adapter.js';
import type { Session } from './connection.js';
import { ApiCode, apiCodeOf, unavailable } from './errors.js';
import { checkPermission } from './fetch.js';
import { settled } from '../log/settled.js';
import { replicasOf, retentionOf, streamProblem, type StreamRequirements } from './stream-check.js';
import type { NatsSettings } from './url.js';

/** The first version with direct gets of batches. */
const MIN_VERSION = { major: 2, minor: 11 };
const PARTITIONS = 16;
/** The metadata of a stream with the number of streams that the log has. */
const PARTITIONS_KEY = 'holdfast-partitions';
const NS_PER_MS = 1_000_000;

export interface OpenedLog {
  readonly partitions: number;
  /** Bytes of one entry. */
  readonly maxEntry: number;
}

/** What belongs to a partition. */
export interface PartitionNames {
  readonly stream: string;
  /** What entries are published on. */
  readonly subject: string;
  /** What they are republished on when they are stored. */
  readonly live: string;
}

export function namesOf(prefix: string, partition: number): PartitionNames {
  return {
    stream: `${prefix}-log-${partition}`,
    subject: `${prefix}.log.${partition}`,
    live: `${prefix}.tail.${partition}`,
  };
}

/**
 * Creates the streams that are missing, and checks those that are there.
 *
 * @throws LogRefusedError
 * @throws LogUnavailableError
 */
export async function openStreams(session: Session, settings: NatsSettings, signal: AbortSignal): Promise<OpenedLog> {
  checkServer(session);
  const first = await findStream(session, namesOf(settings.prefix, 0).stream, signal);
  const partitions = partitionsOf(first, settings);
  const infos = await Promise.all(
    Array.from({ length: partitions }, async (_, partition) =>
      openStream(session, settings, partition, partitions, signal),
    ),
  );
  const maxPayload = session.connection.info?.max_payload ?? 0;
  const sizes = infos.map(({ config }) => config.max_msg_size).filter((size) => size > 0);
  return { partitions, maxEntry: Math.min(maxPayload, ...sizes) };
}

function checkServer({ connection }: Session): void {
  const { major = 0, minor = 0 } = connection.getServerVersion() ?? {};
  if (major < MIN_VERSION.major || (major === MIN_VERSION.major && minor < MIN_VERSION.minor)) {
    const wanted = `${MIN_VERSION.major}.${MIN_VERSION.minor}`;
    throw new LogRefusedError(`the NATS server is version ${major}.${minor}: upgrade it to ${wanted} or later`);
  }
  if (connection.info?.headers !== true) throw new LogRefusedError('enable headers on the NATS server');
}

/** The number is fixed when the log is created: a channel must stay in its partition. */
function partitionsOf(first: StreamInfo | undefined, { partitions, prefix }: NatsSettings): number {
  const text = first?.config.metadata?.[PARTITIONS_KEY];
  if (text === undefined) return partitions ?? PARTITIONS;
  const existing = Number(text);
  if (partitions !== undefined && partitions !== existing) {
    throw new LogRefusedError(
      `the log ${prefix} has ${existing} partitions: remove partitions from the broker's URL, or choose another prefix`,
    );
  }
  return existing;
}

async function openStream(
  session: Session,
  settings: NatsSettings,
  partition: number,
  partitions: number,
  signal: AbortSignal,
): Promise<StreamInfo> {
  const { stream: name, subject, live } = namesOf(settings.prefix, partition);
  const isCluster = session.connection.info?.cluster !== undefined;
  const requirements = { ...settings, subject, live, isCluster };
  const found =
    (await findStream(session, name, signal)) ?? (await createStream(session, name, partitions, requirements, signal));
  const problem = streamProblem(found, requirements);
  if (problem !== undefined) throw new LogRefusedError(problem);
  await checkPermission(session, namesOf(settings.prefix, partition), signal);
  return found;
}

async function findStream(session: Session, name: string, signal: AbortSignal): Promise<StreamInfo | undefined> {
  try {
    return await settled(session.manager.streams.info(name), signal);
  } catch (error) {
    if (apiCodeOf(error) === ApiCode.streamNotFound) return undefined;
    throw refusal(session, error);
  }
}

async function createStream(
  session: Session,
  name: string,
  partitions: number,
  requirements: StreamRequirements,
  signal: AbortSignal,
): Promise<StreamInfo> {
  const replicas = replicasOf(requirements);
  const config: Partial<StreamConfig> & { name: string } = {
    name,
    subjects: [requirements.subject],
    description: 'Written by Holdfast',
    max_age: retentionOf(requirements.window) * NS_PER_MS,
    num_replicas: replicas,
    // The loss of a single message in the middle would not be noticed.
    deny_delete: true,
    allow_direct: true,
    republish: { src: requirements.subject, dest: requirements.live },
    metadata: { [PARTITIONS_KEY]: `${partitions}` },
  };
  try {
    return await settled(session.manager.streams.add(config), signal);
  } catch (error) {
    const code = apiCodeOf(error);
    if (code === ApiCode.streamExists) {
      // Another pod was faster.
      const found = await findStream(session, name, signal);
      if (found !== undefined) return found;
    }
    if (code === ApiCode.noSuitablePeers || code === ApiCode.replicasNotSupported) {
      throw new LogRefusedError(
        `the NATS cluster has no ${replicas} servers for stream ${name}: start them, or set replicas in the broker's URL`,
        { cause: error },
      );
    }
    throw refusal(session, error);
  }
}

function refusal({ connection }: Session, error: unknown): Error {
  const isEnabled = connection.info?.jetstream === true;
  return isEnabled ? unavailable(error) : new LogRefusedError('enable JetStream on the NATS server', { cause: error });
}
