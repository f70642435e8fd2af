import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { LeakyBucket } from '../gateway/leaky-bucket.js';
import { Generations } from './generations.js';
import { HeldMemory } from './held-memory.js';
import { ADDRESS_FACTOR } from './quotas.js';
import { emptyAfter } from './rate-table.js';

/** What an upgrade costs the CPU, in frames. */
export const CONNECT_COST = 10;
/** What a request to the authorization webhook costs the CPU, in frames. */
export const QUESTION_COST = 10;

/** A burst is spread: this share of it may come at once, and the rest at this multiple of the rate. */
const PACE_BURST = 0.05;
const PACE_RATE = 2.5;

/** The memory limit allows for one sender per this many bytes of it: all of them take a fiftieth at most. */
const BYTES_PER_SENDER = 16_384;
const MAX_SENDERS = 65_536;

const ADDRESS = 'address:';

export type SenderLimit = 'user_frames' | 'user_bytes';

/** Who sends something. */
export interface Origin {
  readonly user?: string | undefined;
  /** Absent if addresses are not told apart. */
  readonly address?: string | undefined;
  readonly client: string;
}

/** What all connections of one sender have sent. Beyond its rates none of them is read until enough has leaked away. */
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

  /** Counts frames, or what takes as much of the CPU. */
  pour(frames: number): void {
    this.frames.pour(frames);
    this.pace.pour(frames);
  }

  get exceeded(): SenderLimit | undefined {
    if (this.pace.isOver || this.frames.isOver) return 'user_frames';
    return this.bytes.isOver ? 'user_bytes' : undefined;
  }

  /**
   * One connection per tick: much may wait in the kernel for each, and all of it is read at once. There must be room for
   * more than one request, or it would be stopped again by the first.
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
  private readonly senders: Generations<Sender>;

  constructor(@Inject(CONFIG) { limits }: Config, @Inject(HeldMemory) { total }: HeldMemory) {
    const ms = 2 * Math.max(emptyAfter(limits.userFrames), emptyAfter(limits.userBytes));
    const max = Math.min(MAX_SENDERS, total / BYTES_PER_SENDER);
    this.senders = new Generations(ms, max, (key) => new Sender(limits, key.startsWith(ADDRESS) ? ADDRESS_FACTOR : 1));
  }

  of({ user, address, client }: Origin): Sender {
    if (user !== undefined) return this.senders.get(`user:${user}`);
    return this.senders.get(address === undefined ? `client:${client}` : `${ADDRESS}${address}`);
  }
}
