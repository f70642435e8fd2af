import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { LeakyBucket } from './leaky-bucket.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { ExpiringMap } from './expiring-map.js';
import { HeldMemory } from './held-memory.js';
import { emptyAfter } from './rate-table.js';

/**
 * Settings below `limits` that apply per user: the label in the metrics, what is reported as exceeded, and whether the rate is a pace
 * that a client can keep for all of its publishes.
 */
const QUOTAS = {
  publishes: { limit: 'publishes', detail: undefined, isPace: true },
  publishedBytes: { limit: 'published_bytes', detail: 'bytes published', isPace: false },
  newChannels: { limit: 'new_channels', detail: 'new channels', isPace: false },
  readBytes: { limit: 'read_bytes', detail: 'bytes of histories, replays and members', isPace: false },
  presenceChanges: { limit: 'presence_changes', detail: 'joins and leaves', isPace: false },
} as const;

type Quota = keyof typeof QUOTAS;

/** Only those that the user has needed so far. */
type Buckets = { [Name in Quota]?: LeakyBucket };

/** The memory limit allows one user per this many bytes: their buckets take at most a sixteenth of it. */
const BYTES_PER_USER = 16_384;
const MAX_USERS = 65_536;

/** How many users are tracked at most, given the memory limit in bytes. */
export function maxUsers(total: number): number {
  return Math.min(MAX_USERS, total / BYTES_PER_USER);
}

/** How many users an address counts as: its anonymous clients together may do this many times what one user may. */
export const ADDRESS_FACTOR = 10;

/** Who uses quotas: a connection. */
export interface QuotaUser {
  readonly user?: string | undefined;
  readonly client: string;
  readonly address?: string | undefined;
}

/** Whose quotas a connection uses: its user's, or its own if it is anonymous. */
export function quotaKeyOf({ user, client }: Pick<QuotaUser, 'user' | 'client'>): string {
  return user === undefined ? `client:${client}` : `user:${user}`;
}

/** The pace that a rate permits, in ms per request, for a client that waits instead of trying again. */
export function intervalOf({ perSecond }: { readonly perSecond: number }): number {
  return Math.ceil(1_000 / perSecond);
}

/**
 * How much each user may ask of this pod and its broker. Some costs are known only afterwards: they are counted then,
 * and further requests are refused until they have drained.
 */
@Injectable()
export class Quotas {
  private readonly users: ExpiringMap<Buckets>;
  private readonly limits: Config['limits'];

  constructor(
    @Inject(CONFIG) { limits }: Config,
    @Inject(HeldMemory) { total }: HeldMemory,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {
    this.limits = limits;
    const ms = Math.max(...(Object.keys(QUOTAS) as Quota[]).map((quota) => emptyAfter(limits[quota])));
    this.users = new ExpiringMap(ms, maxUsers(total), () => ({}));
  }

  /**
   * Takes an amount of a quota. The last one may exceed what is left, since no single request is larger than a frame.
   *
   * @throws ProtocolError `rate_limited` if nothing is left.
   */
  take(user: QuotaUser, quota: Quota, amount = 1): void {
    const ofAddress = this.bucketOfAddress(user, quota);
    const hasRoom = (ofAddress?.hasRoom ?? true) && this.bucketOf(user, quota).add(amount);
    if (!hasRoom) this.refuse(quota);
    ofAddress?.pour(amount);
  }

  /** @throws ProtocolError `rate_limited` if nothing is left. */
  check(user: QuotaUser, quota: Quota): void {
    const hasRoom = this.bucketOf(user, quota).hasRoom && (this.bucketOfAddress(user, quota)?.hasRoom ?? true);
    if (!hasRoom) this.refuse(quota);
  }

  /** Counts something that has already happened, even if it exceeds the quota. */
  pour(user: QuotaUser, quota: Quota, amount: number): void {
    this.bucketOf(user, quota).pour(amount);
    this.bucketOfAddress(user, quota)?.pour(amount);
  }

  private bucketOf(user: QuotaUser, quota: Quota): LeakyBucket {
    const { burst, perSecond } = this.limits[quota];
    return (this.users.get(quotaKeyOf(user))[quota] ??= new LeakyBucket(burst, perSecond));
  }

  /** Anonymous clients can get new quotas with a new session, but not a new address. */
  private bucketOfAddress({ user, address }: QuotaUser, quota: Quota): LeakyBucket | undefined {
    if (user !== undefined || address === undefined) return undefined;
    const { burst, perSecond } = this.limits[quota];
    const buckets = this.users.get(`address:${address}`);
    return (buckets[quota] ??= new LeakyBucket(burst * ADDRESS_FACTOR, perSecond * ADDRESS_FACTOR));
  }

  private refuse(quota: Quota): never {
    const { limit, detail, isPace } = QUOTAS[quota];
    this.metrics.limited.inc({ limit });
    throw new ProtocolError('rate_limited', detail, isPace ? { interval: intervalOf(this.limits[quota]) } : {});
  }
}
