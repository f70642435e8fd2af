import type { Position } from '@holdfast/protocol';
import type { SubscriptionGrant } from '../auth/index.js';
import type { Connection } from '../gateway/connection.js';
import type { LocalChannel } from './local-channel.js';

interface Waiting {
  readonly frame: Buffer;
  readonly position: Position | undefined;
}

/**
 * One connection's place in one channel. Live frames wait until the answer and its replay are through:
 * {@link startAt} fixes where the answer leaves the client, {@link begin} sends what follows it.
 */
export class Subscription {
  /** Whether it is over: unsubscribed, kicked or its connection closed. */
  ended = false;
  /** Whether its connection was put among the channel's members. */
  joined = false;
  /** What the client has got, or was told to do without, by the answer and its replay. */
  private start: Position | undefined;
  /** Absent once live. */
  private waiting: Waiting[] | undefined = [];
  private waitingBytes = 0;

  constructor(
    readonly connection: Connection,
    readonly channel: LocalChannel,
    /** Whether the client asked to hear of joins and leaves. */
    readonly presence: boolean,
    /** What permits it, where the connection's own identity does not. */
    readonly grant: SubscriptionGrant | undefined,
    /** How many bytes a connection may hold up. */
    private readonly maxBuffered: number,
  ) {}

  /** @param position where the frame leaves the client in the stream; joins and leaves have none. */
  deliver(frame: Buffer, position?: Position): void {
    if (this.ended || (position !== undefined && this.isBehindStart(position))) return;
    if (this.waiting === undefined) {
      this.connection.send(frame);
      return;
    }
    this.waiting.push({ frame, position });
    this.waitingBytes += frame.length;
    if (this.waitingBytes > this.maxBuffered) {
      this.end();
      this.connection.closeSlow();
    }
  }

  /** Fixes where the client begins, in the epoch that the channel is in now. Only what follows is delivered. */
  startAt(start: Position): void {
    this.start = start;
    // What waits of another epoch came before this one.
    this.waiting = this.waiting?.filter(
      ({ position }) => position === undefined || (position.epoch === start.epoch && !this.isBehindStart(position)),
    );
    this.waitingBytes = this.waiting?.reduce((sum, { frame }) => sum + frame.length, 0) ?? 0;
  }

  /** Sends the replay as fast as the client takes it, then what waited behind it, and goes live. */
  begin(replay: readonly Buffer[]): void {
    const room = Math.min(this.connection.socket.writableHighWaterMark, this.maxBuffered / 2);
    let batch = replay;
    let next = 0;
    const step = (): void => {
      while (this.waiting !== undefined && this.connection.open) {
        const frame = batch[next];
        if (frame === undefined) {
          if (this.waiting.length === 0) {
            this.waiting = undefined;
            return;
          }
          batch = this.waiting.map((waiting) => waiting.frame);
          next = 0;
          this.waiting = [];
          continue;
        }
        const { buffered } = this.connection;
        if (buffered > 0 && buffered + frame.length > room) {
          this.connection.whenWritten(step);
          return;
        }
        this.connection.send(frame);
        next += 1;
        if (batch !== replay) this.waitingBytes -= frame.length;
      }
    };
    step();
  }

  end(): void {
    this.ended = true;
    this.waiting = undefined;
  }

  private isBehindStart({ epoch, offset }: Position): boolean {
    return this.start !== undefined && offset <= this.start.offset && epoch === this.start.epoch;
  }
}
