import type { StreamInfo } from '@nats-io/jetstream';
import type { NatsSettings } from './url.js';

/** What follows from the URL and the server. */
export interface StreamRequirements extends Pick<NatsSettings, 'replicas' | 'window'> {
  readonly subject: string;
  /** What entries are republished on. */
  readonly live: string;
  readonly isCluster: boolean;
}

/** ms for which entries are read back when a pod starts, at least. */
const MIN_RETENTION = 600_000;
const NS_PER_MS = 1_000_000;
/** The default on a cluster: a stream with fewer copies is lost, or stops, with a single server. */
const CLUSTER_REPLICAS = 3;

/** ms for which a stream must keep its entries. */
export function retentionOf(window: number): number {
  return Math.max(2 * window, MIN_RETENTION);
}

export function replicasOf({ replicas, isCluster }: Pick<StreamRequirements, 'replicas' | 'isCluster'>): number {
  return replicas ?? (isCluster ? CLUSTER_REPLICAS : 1);
}

/** Why a stream cannot keep the promises of the log, and what to do; undefined if it can. */
export function streamProblem(
  { config }: Pick<StreamInfo, 'config'>,
  requirements: StreamRequirements,
): string | undefined {
  const { subject, live, window } = requirements;
  const retention = retentionOf(window);
  const replicas = replicasOf(requirements);
  const name = `stream ${config.name}`;
  if (config.subjects?.length !== 1 || config.subjects[0] !== subject) {
    return `${name} must have the subject ${subject} and no other: change it, or choose another prefix in the broker's URL`;
  }
  if (config.retention !== 'limits' || config.no_ack === true || config.sealed) {
    return `${name} must have the retention policy limits and acknowledgements, and must not be sealed: delete it, or choose another prefix in the broker's URL`;
  }
  if (config.discard !== 'old') return `${name} would refuse entries when it is full: set its discard policy to old`;
  if (config.max_age !== 0 && config.max_age < retention * NS_PER_MS) {
    return `${name} keeps entries for ${config.max_age / NS_PER_MS / 1_000} s: set its max_age to at least ${retention / 1_000} s, or a shorter window in the broker's URL`;
  }
  if (config.max_msgs > 0 || config.max_msgs_per_subject > 0) {
    return `${name} limits the number of messages: remove max_msgs and max_msgs_per_subject, and use max_age or max_bytes`;
  }
  if (!config.deny_delete || config.allow_msg_ttl === true) {
    return `${name} allows single messages to be removed: set deny_delete, and allow no TTL of messages`;
  }
  const { republish } = config;
  if (republish?.src !== subject || republish.dest !== live || republish.headers_only === true) {
    return `${name} must republish its messages: set republish from ${subject} to ${live}, with their payloads`;
  }
  if (!config.allow_direct) return `${name} does not allow direct gets: set allow_direct`;
  if (config.num_replicas < replicas) {
    const orElse =
      requirements.replicas === undefined ? `, or replicas=${config.num_replicas} in the broker's URL` : '';
    return `${name} has ${config.num_replicas} of ${replicas} replicas: set its num_replicas to ${replicas}${orElse}`;
  }
  return undefined;
}
