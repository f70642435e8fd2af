import type { Socket } from 'node:net';
import type { Config } from '../config/index.js';
import { LeakyBucket } from '../limits/leaky-bucket.js';
import { tick } from '../limits/ticks.js';

/**
 * What one connection sends, measured against its rates. Bytes are counted as they come from the kernel, so that a
 * frame that never ends counts as well.
 */
export class InboundLimits {
  /** The tick at which bytes were last seen to have arrived. */
  heardAt = tick();
  private readonly frames: LeakyBucket;
  private readonly bytes: LeakyBucket;
  private excess: LeakyBucket | undefined;
  private counted = 0;
  /** How many bytes had arrived by the end of the last complete frame. */
  private complete: number;

  constructor(
    private readonly limits: Pick<Config['limits'], 'frames' | 'bytes'>,
    private readonly socket: Pick<Socket, 'bytesRead'>,
  ) {
    this.frames = new LeakyBucket(limits.frames.burst, limits.frames.perSecond);
    this.bytes = new LeakyBucket(limits.bytes.burst, limits.bytes.perSecond);
    this.complete = socket.bytesRead;
  }

  /** Bytes of a frame, or of a fragmented message, that is not complete yet. */
  get unfinished(): number {
    return this.socket.bytesRead - this.complete;
  }

  /** @returns false if this frame exceeds the rate. */
  takeFrame(): boolean {
    this.complete = this.socket.bytesRead;
    return this.frames.add();
  }

  /**
   * Frames beyond the rate have a second rate of the same size.
   *
   * @returns false if this frame exceeds that as well.
   */
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
