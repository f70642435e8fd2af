import { createHash } from 'node:crypto';
import type { Idempotency } from '../broker.js';
import type { PodIndexKind } from '../membership/pod-index.js';

/** The command that publishes on the server's channels: on a cluster they are sharded. */
export type PublishCommand = 'PUBLISH' | 'SPUBLISH';

export const SIGNALS_TAG = 'signals';
const PUB_SUB_SUFFIX = '}:live';

/** The hash tag of all pods' leases. */
export const PODS_TAG = 'pods';

/** The hash tag of the inbox for backends, and of its lease. */
export const INBOX_TAG = 'inbox';

/** `rooms` was the name of presence when the key was introduced; pods of two releases work side by side. */
const INDEX_KEYS: Readonly<Record<PodIndexKind, string>> = { channels: 'channels', presence: 'rooms', users: 'users' };

/**
 * Names the keys and the pub/sub channels on the server. Whatever belongs together has the same hash tag, so that on a cluster
 * one script can use it.
 */
export class Keyspace {
  readonly publishCommand: PublishCommand;
  readonly #prefix: string;
  /** Pub/sub is not separated by database. */
  readonly #pubSubPrefix: string;

  constructor(prefix: string, db: number, sharded: boolean) {
    this.publishCommand = sharded ? 'SPUBLISH' : 'PUBLISH';
    this.#prefix = `${prefix}:{`;
    this.#pubSubPrefix = db === 0 ? this.#prefix : `${prefix}.${db}:{`;
  }

  meta(channel: string): string {
    return `${this.#prefix}${channel}}:meta`;
  }

  log(channel: string): string {
    return `${this.#prefix}${channel}}:log`;
  }

  idempotencyKey(channel: string, { publisher, key }: Idempotency): string {
    const hash = createHash('sha256').update(`${publisher.length}:${publisher}${key}`).digest('base64url');
    return `${this.#prefix}${channel}}:key:${hash}`;
  }

  members(channel: string): string {
    return `${this.#prefix}${channel}}:members`;
  }

  memberOrder(channel: string): string {
    return `${this.#prefix}${channel}}:order`;
  }

  /** The prefix of the clients that a pod has in a channel; followed by the pod's id. */
  membersOfPod(channel: string): string {
    return `${this.#prefix}${channel}}:pod:`;
  }

  connections(user: string): string {
    return `${this.#prefix}${userTag(user)}}:connections`;
  }

  /** When each pod's lease ends. */
  get pods(): string {
    return `${this.#prefix}${PODS_TAG}}:pods`;
  }

  /** The birth of each pod's lease. */
  get births(): string {
    return `${this.#prefix}${PODS_TAG}}:births`;
  }

  /** Since when heartbeats have arrived without a break. */
  get watch(): string {
    return `${this.#prefix}${PODS_TAG}}:watch`;
  }

  /** The prefix of the claims to sweep a pod; followed by the pod's id. */
  get sweeps(): string {
    return `${this.#prefix}${PODS_TAG}}:sweep:`;
  }

  /** The stream that backends publish to. */
  get inbox(): string {
    return `${this.#prefix}${INBOX_TAG}}:inbox`;
  }

  /** The pod that publishes what is in the inbox. */
  get inboxLease(): string {
    return `${this.#prefix}${INBOX_TAG}}:drained-by`;
  }

  podIndex(pod: string, kind: PodIndexKind): string {
    return `${this.#prefix}${podTag(pod)}}:${INDEX_KEYS[kind]}`;
  }

  /** The pub/sub channel for a channel's publications, joins and leaves. */
  pubSubChannel(channel: string): string {
    return `${this.#pubSubPrefix}${channel}${PUB_SUB_SUFFIX}`;
  }

  /** The opposite of {@link pubSubChannel}; undefined for other pub/sub channels. */
  channelOf(pubSubChannel: string): string | undefined {
    if (!pubSubChannel.endsWith(PUB_SUB_SUFFIX) || !pubSubChannel.startsWith(this.#pubSubPrefix)) return undefined;
    return pubSubChannel.slice(this.#pubSubPrefix.length, -PUB_SUB_SUFFIX.length);
  }

  /** The pub/sub channel of signals. */
  get signals(): string {
    return `${this.#pubSubPrefix}${SIGNALS_TAG}}:signals`;
  }

  /** The keys that a pod's probe writes, in the slot of a hash tag. */
  probeKeys(tag: string, pod: string): [hash: string, stream: string] {
    return [`${this.#prefix}${tag}}:probe:${pod}`, `${this.#prefix}${tag}}:probe:${pod}:log`];
  }

  /** The pub/sub channel of a pod's probe. */
  probe(tag: string, pod: string): string {
    return `${this.#pubSubPrefix}${tag}}:probe:${pod}`;
  }
}

/** Without braces, which user ids may contain. */
export function userTag(user: string): string {
  return encodeURIComponent(user.toWellFormed());
}

export function podTag(pod: string): string {
  return `pod:${pod}`;
}
