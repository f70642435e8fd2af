import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { CONFIG, tellsUsersApart, type Config } from '../config/index.js';
import { Metrics } from '../metrics/metrics.js';
import { processMemory } from './process-memory.js';

const MIB = 2 ** 20;

/** What an idle gateway takes of its heap. */
const BASE = 48 * MIB;
/** The rest of the heap is for what comes and goes, and for garbage that is not collected yet. */
const HELD_SHARE = 0.6;
const MIN_HELD = 8 * MIB;

/** The share of the memory limit that may wait to be sent. */
const BUFFERED_SHARE = 1 / 8;
const ANONYMOUS_SHARE = 0.75;

/** In bytes: measured on the memory and the Redis broker, with presence, plus a quarter. */
const CONNECTION = 10_240;
const SUBSCRIPTION = 512;
const CHANNEL = 1_024;
/** A channel's name is kept in several places. */
const COPIES_OF_NAME = 4;
/** A user's claims are kept as objects: about twice their text. */
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

/** Who something counts for: a user, or an anonymous client and its address if that is known. */
export interface Holder {
  readonly user?: string | undefined;
  readonly address?: string | undefined;
}

/** For what is no one's share. */
export const NOBODY: Holder = {};

/** A limit that has no room. */
export type FullShare = 'memory' | 'user_memory' | 'address_memory' | 'anonymous_memory';

/**
 * The memory that connections, subscriptions and channels take for as long as they last. Counts of them say little about
 * memory: each has a cost in bytes, and all costs together stay within a limit that follows from the container's memory.
 * So every limit can be reached at the same time, and the process lives.
 */
@Injectable()
export class HeldMemory implements OnModuleInit {
  /** In bytes. */
  readonly limit: number;
  /** How many bytes may wait to be sent to all connections together. */
  readonly maxBuffered: number;
  /** Of the container or the machine, in bytes. */
  readonly total: number;
  /** While memory is short, nothing new is taken whatever the costs say. Set by the overload check. */
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
    @InjectPinoLogger(HeldMemory.name) private readonly logger: PinoLogger,
  ) {
    const { memory, userShare, anonymousShare, buffered } = config.limits;
    const { total, heap } = processMemory();
    this.total = total;
    this.limit = memory ?? Math.max(MIN_HELD, Math.round(HELD_SHARE * (heap - BASE)));
    this.maxBuffered = buffered ?? Math.max(MIN_HELD, Math.round(BUFFERED_SHARE * total));
    this.maxOfOne = this.limit * userShare;
    this.maxAnonymous = this.limit * (anonymousShare ?? (tellsUsersApart(config) ? ANONYMOUS_SHARE : 1));
  }

  onModuleInit(): void {
    const { limit, maxBuffered, total } = this;
    this.metrics.gauge(
      'holdfast_held_bytes',
      'What connections, subscriptions and channels count for',
      () => this.used,
    );
    this.metrics.gauge('holdfast_held_limit_bytes', 'What they may count for', () => limit);
    this.metrics.gauge(
      'holdfast_buffered_limit_bytes',
      'What may wait to be sent to all connections',
      () => maxBuffered,
    );
    this.logger.info(
      {
        memory: total,
        held: limit,
        buffered: maxBuffered,
        connections: Math.floor(limit / CONNECTION),
        channels: Math.floor(limit / (SUBSCRIPTION + CHANNEL)),
      },
      'limits that follow from memory, in bytes, and about how many idle connections or channels that is',
    );
  }

  /**
   * Which limit has no room for so many bytes, if any.
   *
   * @param share what counts for the holder's share: the whole cost of a channel, though others may use it too.
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

  /** Counts bytes, or with negative numbers gives them back. The parameters are those of {@link full}. */
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
