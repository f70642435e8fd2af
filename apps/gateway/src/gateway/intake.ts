import type { Socket } from 'node:net';
import type { Config } from '../config/index.js';
import type { Sender, SenderLimit } from '../limits/senders.js';
import { LeakyBucket } from './leaky-bucket.js';
import { tick } from './ticks.js';

/**
 * How many frames a connection may send between two looks without being counted for its user. Most connections never send
 * more, and cost no memory for a user's rates.
 */
const QUIET_FRAMES = 2;

/** Each 4 KiB count like a frame for that. */
const FRAME_BITS = 12;

/** Whom a connection is counted for. */
export interface Origin {
  readonly sender: Sender;
}

/**
 * What one connection sends, against its own rates and those of its user. Bytes are those that came from the kernel, so
 * that a frame that never ends counts as well.
 */
export class Intake {
  /** The tick at which bytes were seen to have come, for the last time. */
  heardAt = tick();
  private readonly frames: LeakyBucket;
  private readonly bytes: LeakyBucket;
  private excess: LeakyBucket | undefined;
  /** Present while this connection sends much. */
  private sender: Sender | undefined;
  /** What came since the last look, in frames. */
  private recent = 0;
  private counted = 0;
  /** How many bytes had come with the last frame that came to its end. */
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

  /** Bytes that have come of a frame, or of a message in fragments, that has not come to its end. */
  get unfinished(): number {
    return this.socket.bytesRead - this.complete;
  }

  /** @returns false when this frame is too many. */
  takeFrame(): boolean {
    this.complete = this.socket.bytesRead;
    this.charge(1);
    return this.frames.add();
  }

  /** Those beyond the rate have a rate of the same size. @returns false when this one is too many of them as well. */
  takeExcess(): boolean {
    const { burst, perSecond } = this.limits.frames;
    this.excess ??= new LeakyBucket(burst, perSecond);
    return this.excess.add();
  }

  /** Counts what takes as much of the CPU as so many frames. */
  charge(frames: number): void {
    this.recent += frames;
    this.noisySender()?.pour(frames);
  }

  /** Counts the bytes that have come. @returns which limit they are beyond, if any. */
  takeBytes(): 'bytes' | SenderLimit | undefined {
    const { bytesRead } = this.socket;
    const came = bytesRead - this.counted;
    if (came > 0) {
      this.heardAt = tick();
      this.counted = bytesRead;
      this.recent += came >> FRAME_BITS;
      this.noisySender()?.bytes.pour(came);
    }
    return this.bytes.pour(came) ? 'bytes' : this.sender?.exceeded;
  }

  /** Whether a connection that was beyond a limit may be read again. Those of one sender take turns. */
  mayResume(now: number): boolean {
    return this.takeBytes() === undefined && (this.sender?.mayResume(now) ?? true);
  }

  /** Ends the time in which {@link QUIET_FRAMES} may come. */
  look(): void {
    if (this.recent <= QUIET_FRAMES && this.sender?.exceeded === undefined) this.sender = undefined;
    this.recent = 0;
  }

  /** The connection is counted for somebody else from now on. */
  forgetSender(): void {
    this.sender = undefined;
  }

  private noisySender(): Sender | undefined {
    if (this.recent > QUIET_FRAMES) this.sender ??= this.origin.sender;
    return this.sender;
  }
}
