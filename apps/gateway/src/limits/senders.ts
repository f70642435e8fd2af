import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { ExpiringMap } from './expiring-map.js';
import { HeldMemory } from './held-memory.js';
import { LeakyBucket } from './leaky-bucket.js';
import { ADDRESS_FACTOR, maxUsers, quotaKeyOf, type QuotaUser } from './quotas.js';
import { emptyAfter } from './rate-table.js';

/** What an upgrade costs the CPU, in frames. */
export const CONNECT_COST = 10;
/** What a request to a webhook for a client costs the CPU, in frames. */
export const WEBHOOK_COST = 10;

/** A burst is spread out: this share of it may come at once, and the rest at this multiple of the rate. */
const PACE_BURST = 0.05;
const PACE_RATE = 2.5;

const ADDRESS = 'address:';

export type SenderLimit = 'user_frames' | 'user_bytes';

/** What all connections of one sender have sent. If it exceeds its rates, none of them is read until enough has drained. */
export class Sender {
  private readonly frames: LeakyBucket;
  private readonly pace: LeakyBucket;
  readonly bytes: LeakyBucket;
  private resumedAt = 0;

  /** @param factor how many users it counts as. */
  constructor({ userFrames, userBytes }: Config['limits'], factor: number) {
    const { burst, perSecond } = userFrames;
    this.frames = new LeakyBucket(burst * factor, perSecond * factor);
    this.pace = new LeakyBucket(burst * factor * PACE_BURST, perSecond * factor * PACE_RATE);
    this.bytes = new LeakyBucket(userBytes.burst * factor, userBytes.perSecond * factor);
  }

  /** Counts frames, or work that costs the CPU as much. */
  pour(frames: number): void {
    this.frames.pour(frames);
    this.pace.pour(frames);
  }

  get exceeded(): SenderLimit | undefined {
    if (this.pace.isOver || this.frames.isOver) return 'user_frames';
    return this.bytes.isOver ? 'user_bytes' : undefined;
  }

  /**
   * One connection per tick: a lot may wait in the kernel for each, and all of it is read at once. There must be room for
   * more than one request, or the first one would pause the connection again.
   */
  mayResume(now: number): boolean {
    if (now === this.resumedAt || !this.pace.isHalfEmpty) return false;
    this.resumedAt = now;
    return true;
  }
}

/** A user, the anonymous clients of one address, or one anonymous client if addresses are not told apart. */
@Injectable()
export class Senders {
  private readonly senders: ExpiringMap<Sender>;

  constructor(@Inject(CONFIG) { limits }: Config, @Inject(HeldMemory) { total }: HeldMemory) {
    const ms = 2 * Math.max(emptyAfter(limits.userFrames), emptyAfter(limits.userBytes));
    const create = (key: string): Sender => new Sender(limits, key.startsWith(ADDRESS) ? ADDRESS_FACTOR : 1);
    this.senders = new ExpiringMap(ms, maxUsers(total), create);
  }

  of(origin: QuotaUser): Sender {
    const isOfAddress = origin.user === undefined && origin.address !== undefined;
    return this.senders.get(isOfAddress ? `${ADDRESS}${origin.address}` : quotaKeyOf(origin));
  }
}
