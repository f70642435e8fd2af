import type { Socket } from 'node:net';
import type { Config } from '../config/index.js';
import { LeakyBucket } from '../limits/leaky-bucket.js';
import type { Sender, SenderLimit } from '../limits/senders.js';
import { tick } from '../limits/ticks.js';

/**
 * How many frames a connection may send between two checks without being counted for its user. Most connections never send
 * more, and so take no memory for a user's rates.
 */
const QUIET_FRAMES = 2;

/** For that, each 4 KiB count as a frame. */
const FRAME_BITS = 12;

/** Whom a connection is counted for. */
export interface Origin {
  readonly sender: Sender;
}

/**
 * What one connection sends, measured against its own rates and those of its user. Bytes are counted as they come from the
 * kernel, so that a frame that never ends counts as well.
 */
export class InboundLimits {
  /** The tick at which bytes were last seen to have arrived. */
  heardAt = tick();
  private readonly frames: LeakyBucket;
  private readonly bytes: LeakyBucket;
  private excess: LeakyBucket | undefined;
  /** Present while this connection sends a lot. */
  private sender: Sender | undefined;
  /** What arrived since the last check, in frames. */
  private recent = 0;
  private counted = 0;
  /** Bytes of compressed messages in addition to those that arrived. */
  private extra = 0;
  /** How many bytes had arrived by the end of the last complete frame. */
  private complete: number;

  constructor(
    private readonly limits: Pick<Config['limits'], 'frames' | 'bytes'>,
    private readonly socket: Pick<Socket, 'bytesRead'>,
    private readonly origin: Origin,
  ) {
    this.frames = new LeakyBucket(limits.frames.burst, limits.frames.perSecond);
    this.bytes = new LeakyBucket(limits.bytes.burst, limits.bytes.perSecond);
    this.complete = socket.bytesRead;
  }

  /**
   * Bytes of a frame, or of a fragmented message, that is not complete yet, as far as they are counted. Node calls out of
   * JavaScript for `bytesRead`, so that asking again costs more than the rest of a check.
   */
  get unfinished(): number {
    return Math.max(0, this.counted - this.complete);
  }

  /** @returns false if this frame exceeds the rate. */
  takeFrame(): boolean {
    this.complete = this.arrived;
    this.charge(1);
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

  /** Counts what a compressed message has in addition to the bytes that arrived. */
  addUnpacked(bytes: number): void {
    if (bytes > 0) this.extra += bytes;
  }

  /** Counts work that costs the CPU as much as this number of frames. */
  charge(frames: number): void {
    this.recent += frames;
    this.noisySender()?.pour(frames);
  }

  /**
   * Counts the bytes that have arrived.
   *
   * @returns the limit that they exceed, if any.
   */
  takeBytes(): 'bytes' | SenderLimit | undefined {
    const bytes = this.arrived;
    const came = bytes - this.counted;
    if (came > 0) {
      this.heardAt = tick();
      this.counted = bytes;
      this.recent += came >> FRAME_BITS;
      this.noisySender()?.bytes.pour(came);
    }
    return this.bytes.pour(came) ? 'bytes' : this.sender?.exceeded;
  }

  /** Whether a connection that exceeded a limit may be read again. Those of one sender take turns. */
  mayResume(now: number): boolean {
    return this.takeBytes() === undefined && (this.sender?.mayResume(now) ?? true);
  }

  /** Ends the interval in which {@link QUIET_FRAMES} may arrive. */
  look(): void {
    if (this.recent <= QUIET_FRAMES && this.sender?.exceeded === undefined) this.sender = undefined;
    this.recent = 0;
  }

  /** From now on the connection counts for somebody else. */
  forgetSender(): void {
    this.sender = undefined;
  }

  /** In bytes, with what compressed messages have in addition. */
  private get arrived(): number {
    return this.socket.bytesRead + this.extra;
  }

  private noisySender(): Sender | undefined {
    if (this.recent > QUIET_FRAMES) this.sender ??= this.origin.sender;
    return this.sender;
  }
}
