import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../gateway/connection.js';
import { LeakyBucket } from '../gateway/leaky-bucket.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { Generations } from './generations.js';
import { HeldMemory } from './held-memory.js';
import { emptyAfter } from './rate-table.js';

/** The settings below `limits` that each user has: their labels in the metrics, and what there is too much of. */
const QUOTAS = {
  publishes: { limit: 'publishes', detail: undefined },
  publishedBytes: { limit: 'published_bytes', detail: 'bytes published' },
  newChannels: { limit: 'new_channels', detail: 'new channels' },
  readBytes: { limit: 'read_bytes', detail: 'bytes of histories, replays and members' },
  presenceChanges: { limit: 'presence_changes', detail: 'joins and leaves' },
} as const;

type Quota = keyof typeof QUOTAS;

/** Only those that a user has used. */
type Buckets = { [Name in Quota]?: LeakyBucket };

/** The memory limit allows one user for this many bytes of it: their buckets take a sixteenth at most. */
const BYTES_PER_USER = 16_384;
const MAX_USERS = 65_536;

/** How many users an address counts as: that many times its anonymous clients may do together what one user may do. */
export const ADDRESS_FACTOR = 10;

/** Who uses quotas: a connection. */
export type QuotaUser = Pick<Connection, 'user' | 'client' | 'address'>;

/** Whose quotas a connection uses: those of its user, or its own if it is anonymous. */
export function quotaKeyOf({ user, client }: QuotaUser): string {
  return user === undefined ? `client:${client}` : `user:${user}`;
}

/**
 * What each user may make this pod and its broker do. Some costs are known only when they have arisen: they are counted
 * then, and what comes next is refused until they have leaked away.
 */
@Injectable()
export class Quotas {
  private readonly users: Generations<Buckets>;
  private readonly limits: Config['limits'];

  constructor(
    @Inject(CONFIG) { limits }: Config,
    @Inject(HeldMemory) { total }: HeldMemory,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {
    this.limits = limits;
    const ms = Math.max(...(Object.keys(QUOTAS) as Quota[]).map((quota) => emptyAfter(limits[quota])));
    this.users = new Generations(ms, Math.min(MAX_USERS, total / BYTES_PER_USER), () => ({}));
  }

  /**
   * Takes an amount of a quota. The last one may take more than is left: no single request is larger than a frame.
   *
   * @throws ProtocolError `rate_limited` if nothing is left.
   */
  take(user: QuotaUser, quota: Quota, amount = 1): void {
    this.check(user, quota);
    this.pour(user, quota, amount);
  }

  /** @throws ProtocolError `rate_limited` if nothing is left. */
  check(user: QuotaUser, quota: Quota): void {
    const hasRoom = this.bucketOf(user, quota).hasRoom && (this.bucketOfAddress(user, quota)?.hasRoom ?? true);
    if (!hasRoom) this.refuse(quota);
  }

  /** Counts what has happened, whether there was room for it or not. */
  pour(user: QuotaUser, quota: Quota, amount: number): void {
    this.bucketOf(user, quota).pour(amount);
    this.bucketOfAddress(user, quota)?.pour(amount);
  }

  private bucketOf(user: QuotaUser, quota: Quota): LeakyBucket {
    const { burst, perSecond } = this.limits[quota];
    return (this.users.get(quotaKeyOf(user))[quota] ??= new LeakyBucket(burst, perSecond));
  }

  /** Anonymous clients are whom they say they are: a new session has new quotas, but not a new address. */
  private bucketOfAddress({ user, address }: QuotaUser, quota: Quota): LeakyBucket | undefined {
    if (user !== undefined || address === undefined) return undefined;
    const { burst, perSecond } = this.limits[quota];
    const buckets = this.users.get(`address:${address}`);
    return (buckets[quota] ??= new LeakyBucket(burst * ADDRESS_FACTOR, perSecond * ADDRESS_FACTOR));
  }

  private refuse(quota: Quota): never {
    const { limit, detail } = QUOTAS[quota];
    this.metrics.limited.inc({ limit });
    throw new ProtocolError('rate_limited', detail);
  }
}
