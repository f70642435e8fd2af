import { createHash } from 'node:crypto';
import type { Idempotency } from '../broker.js';

/** What a script needs to know of a channel: the keys, and how its publications are carried. */
export type PublishCommand = 'PUBLISH' | 'SPUBLISH';

/**
 * The names of keys and of channels on the server. All that belongs together has one hash tag, so that one script can
 * work on it on a cluster.
 */
export class Keyspace {
  readonly publishCommand: PublishCommand;
  readonly #prefix: string;
  /** Publish/subscribe knows no databases. */
  readonly #wirePrefix: string;

  constructor(prefix: string, db: number, sharded: boolean) {
    this.publishCommand = sharded ? 'SPUBLISH' : 'PUBLISH';
    this.#prefix = `${prefix}:{`;
    this.#wirePrefix = db === 0 ? this.#prefix : `${prefix}.${db}:{`;
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

  /** The clients that a pod holds in a channel: this, and the pod's id. */
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

  /** The name of each pod's lease. */
  get births(): string {
    return `${this.#prefix}${PODS_TAG}}:births`;
  }

  /** Since when pods have been able to send heartbeats without a break. */
  get watch(): string {
    return `${this.#prefix}${PODS_TAG}}:watch`;
  }

  /** Who sweeps up after a pod: this, and the pod's id. */
  get sweeps(): string {
    return `${this.#prefix}${PODS_TAG}}:sweep:`;
  }

  /** What a pod holds: names of its channels, of its rooms (where it has members), of its users. */
  podIndex(pod: string, kind: PodIndexKind): string {
    return `${this.#prefix}${podTag(pod)}}:${kind}`;
  }

  /** The channel on the server that carries a channel's publications, joins and leaves. */
  pubSubChannel(channel: string): string {
    return `${this.#wirePrefix}${channel}${WIRE_SUFFIX}`;
  }

  /** The opposite of {@link wire}; undefined for what is none. */
  channelOf(wire: string): string | undefined {
    if (!wire.endsWith(WIRE_SUFFIX) || !wire.startsWith(this.#wirePrefix)) return undefined;
    return wire.slice(this.#wirePrefix.length, -WIRE_SUFFIX.length);
  }

  get signals(): string {
    return `${this.#wirePrefix}${SIGNALS_TAG}}:signals`;
  }

  /** What a pod's probe writes, in the slot of a hash tag. */
  probeKeys(tag: string, pod: string): [hash: string, stream: string] {
    return [`${this.#prefix}${tag}}:probe:${pod}`, `${this.#prefix}${tag}}:probe:${pod}:log`];
  }

  probe(tag: string, pod: string): string {
    return `${this.#wirePrefix}${tag}}:probe:${pod}`;
  }
}

export const POD_INDEX_KINDS = ['channels', 'rooms', 'users'] as const;
export type PodIndexKind = (typeof POD_INDEX_KINDS)[number];

export const PODS_TAG = 'pods';
export const SIGNALS_TAG = 'signals';
const WIRE_SUFFIX = '}:live';

/** Without braces, which user ids may hold. */
export function userTag(user: string): string {
  return encodeURIComponent(user.toWellFormed());
}

export function podTag(pod: string): string {
  return `pod:${pod}`;
}
