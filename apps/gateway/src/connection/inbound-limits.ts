import type { Socket } from 'node:net';
import type { Config } from '../config/index.js';
import { LeakyBucket } from '../limits/leaky-bucket.js';
import { tick } from '../limits/ticks.js';

/**
 * What one connection sends, against its rates. Bytes are those that came from the kernel, so that a frame that never ends
 * counts as well.
 */
export class Intake {
  /** The tick at which bytes were seen to have come, for the last time. */
  heardAt = tick();
  private readonly frames: LeakyBucket;
  private readonly bytes: LeakyBucket;
  private excess: LeakyBucket | undefined;
  private counted = 0;
  /** How many bytes had come with the last frame that came to its end. */
  private complete: number;

  constructor(
    private readonly limits: Pick<Config['limits'], 'frames' | 'bytes'>,
    private readonly socket: Pick<Socket, 'bytesRead'>,
  ) {
    this.frames = new LeakyBucket(limits.frames.burst, limits.frames.perSecond);
    this.bytes = new LeakyBucket(limits.bytes.burst, limits.bytes.perSecond);
    this.complete = socket.bytesRead;
  }

  /** Bytes that have come of a frame, or of a message in fragments, that has not come to its end. */
  get unfinished(): number {
    return this.socket.bytesRead - this.complete;
  }

  /** @returns false when this frame is too many. */
  takeFrame(): boolean {
    this.complete = this.socket.bytesRead;
    return this.frames.add();
  }

  /** Those beyond the rate have a rate of the same size. @returns false when this one is too many of them as well. */
  takeExcess(): boolean {
    const { burst, perSecond } = this.limits.frames;
    this.excess ??= new LeakyBucket(burst, perSecond);
    return this.excess.add();
  }

  isOverBytes(): boolean {
    const { bytesRead } = this.socket;
    if (bytesRead !== this.counted) this.heardAt = tick();
    this.bytes.pour(bytesRead - this.counted);
    this.counted = bytesRead;
    return this.bytes.isOver;
  }
}
