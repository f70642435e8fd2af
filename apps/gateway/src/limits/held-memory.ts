import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONFIG, tellsUsersApart, type Config } from '../config/index.js';
import { Metrics } from '../metrics/metrics.js';
import { processMemory } from './process-memory.js';
import { EventLog } from '../logging/event-log.js';

const MIB = 2 ** 20;

/** What an idle gateway takes of its heap. */
const BASE = 48 * MIB;
/** The rest of the heap is for short-lived objects and garbage that is not collected yet. */
const HELD_SHARE = 0.6;
const MIN_HELD = 8 * MIB;

/** The share of the memory limit that data waiting to be sent may take. */
const BUFFERED_SHARE = 1 / 8;
const ANONYMOUS_SHARE = 0.75;

/** In bytes, measured on the memory and the Redis broker with presence, plus a quarter. */
const CONNECTION = 10_240;
const SUBSCRIPTION = 512;
const CHANNEL = 1_024;
/** The name of a channel is kept in several places. */
const COPIES_OF_NAME = 4;
/** A user's claims are kept as objects, about twice the size of their JSON. */
const COPIES_OF_CLAIMS = 2;

/** The claims of an identity that take memory. */
interface Claims {
  /** The size of `info` as JSON, in bytes. */
  readonly infoBytes?: number;
  readonly channels: readonly string[];
  readonly publish: readonly string[];
}

/** What a connection counts for, in bytes. */
export function connectionCost(claims: Claims | undefined): number {
  if (claims === undefined) return CONNECTION;
  let bytes = claims.infoBytes ?? 0;
  for (const pattern of claims.channels) bytes += pattern.length;
  for (const pattern of claims.publish) bytes += pattern.length;
  return CONNECTION + COPIES_OF_CLAIMS * bytes;
}

export const SUBSCRIPTION_COST = SUBSCRIPTION;

export function channelCost(name: string): number {
  return CHANNEL + COPIES_OF_NAME * name.length;
}

/** Whose share something counts against: a user's, or an anonymous client's and its address if that is known. */
export interface Holder {
  readonly user?: string | undefined;
  readonly address?: string | undefined;
}

/** For what counts against nobody's share. */
export const NOBODY: Holder = {};

/** A limit that leaves no room. */
export type FullShare = 'memory' | 'user_memory' | 'address_memory' | 'anonymous_memory';

/**
 * The memory that connections, subscriptions and channels hold for as long as they exist. Their numbers say little
 * about memory, so each has a cost in bytes, and the sum stays within a limit derived from the container's memory. All
 * limits can be reached at the same time without running out of memory.
 */
@Injectable()
export class HeldMemory implements OnModuleInit {
  /** In bytes. */
  readonly limit: number;
  /** How many bytes may wait to be sent to all connections together. */
  readonly maxBuffered: number;
  /** Of the container or the machine, in bytes. */
  readonly total: number;
  /** While memory is short, nothing new is accepted whatever the costs say. Set by the overload check. */
  isShort = false;

  private used = 0;
  private anonymous = 0;
  private readonly users = new Map<string, number>();
  private readonly addresses = new Map<string, number>();
  private readonly maxOfOne: number;
  private readonly maxAnonymous: number;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    const { memory, userShare, anonymousShare, buffered } = config.limits;
    const { total, heap } = processMemory();
    this.total = total;
    this.limit = memory ?? Math.max(MIN_HELD, Math.round(HELD_SHARE * (heap - BASE)));
    this.maxBuffered = buffered ?? Math.max(MIN_HELD, Math.round(BUFFERED_SHARE * total));
    this.maxOfOne = this.limit * userShare;
    this.maxAnonymous = this.limit * (anonymousShare ?? (tellsUsersApart(config) ? ANONYMOUS_SHARE : 1));
  }

  /** The estimated memory in use, in bytes. */
  get inUse(): number {
    return this.used;
  }

  onModuleInit(): void {
    const { limit, maxBuffered, total } = this;
    this.metrics.gauge(
      'holdfast_held_bytes',
      'Estimated memory of connections, subscriptions and channels',
      () => this.used,
    );
    this.metrics.gauge(
      'holdfast_held_limit_bytes',
      'Limit of the estimated memory of connections, subscriptions and channels',
      () => limit,
    );
    this.metrics.gauge(
      'holdfast_buffered_limit_bytes',
      'Limit of the bytes waiting to be sent to all connections',
      () => maxBuffered,
    );
    this.log.write('gateway.limits', {
      memory: total,
      held: limit,
      buffered: maxBuffered,
      connections: Math.floor(limit / CONNECTION),
      channels: Math.floor(limit / (SUBSCRIPTION + CHANNEL)),
    });
  }

  /**
   * The limit that leaves no room for these bytes, if any.
   *
   * @param share what counts against the holder's share: the whole cost of a channel, even if others use it too.
   */
  full({ user, address }: Holder, bytes: number, share = bytes): FullShare | undefined {
    if (this.isShort || this.used + bytes > this.limit) return 'memory';
    if (user !== undefined) {
      return (this.users.get(user) ?? 0) + share > this.maxOfOne ? 'user_memory' : undefined;
    }
    if (this.anonymous + share > this.maxAnonymous) return 'anonymous_memory';
    const isFull = address !== undefined && (this.addresses.get(address) ?? 0) + share > this.maxOfOne;
    return isFull ? 'address_memory' : undefined;
  }

  /** Adds bytes, or returns them if negative. The parameters are those of {@link full}. */
  add({ user, address }: Holder, bytes: number, share = bytes): void {
    this.used += bytes;
    if (user !== undefined) {
      addTo(this.users, user, share);
      return;
    }
    this.anonymous += share;
    if (address !== undefined) addTo(this.addresses, address, share);
  }
}

function addTo(map: Map<string, number>, key: string, bytes: number): void {
  const sum = (map.get(key) ?? 0) + bytes;
  if (sum > 0) map.set(key, sum);
  else map.delete(key);
}
