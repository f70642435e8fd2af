import type { Position } from '@holdfast/protocol';
import type { SubscriptionGrant } from '../auth/index.js';
import { withoutSuperseded } from '../connection/conflation.js';
import type { Connection } from '../connection/connection.js';
import type { LocalChannel } from './local-channel.js';
import type { ReplayBudget } from './replay-budget.js';

interface Waiting {
  readonly frame: Buffer;
  readonly position: Position | undefined;
}

/**
 * One connection's subscription to one channel. Live frames wait until the answer and its replay are sent: {@link
 * startAt} fixes the position that the answer leads to, {@link begin} sends what follows.
 */
export class Subscription {
  /** Whether it has ended: unsubscribed, kicked or its connection closed. */
  ended = false;
  /** Whether its client was made a member of the channel. */
  joined = false;
  /** What the answer and its replay cover. */
  private start: Position | undefined;
  /** Absent once live. */
  private waiting: Waiting[] | undefined = [];
  private waitingBytes = 0;
  /** How many joins and leaves the channel had seen when the list of members was read for this subscription. */
  listedAt = Infinity;
  /** What is still to be replayed. */
  private replayBytes = 0;
  private replays: ReplayBudget | undefined;

  constructor(
    readonly connection: Connection,
    readonly channel: LocalChannel,
    /** Whether the client asked for joins and leaves. */
    readonly presence: boolean,
    /** What permits it, if the connection's own identity does not. */
    readonly grant: SubscriptionGrant | undefined,
    /** When it started, by the broker's clock in ms since the Unix epoch. */
    readonly since: number,
  ) {}

  /** @param position of a publication or gap in the stream; joins and leaves have none. */
  deliver(frame: Buffer, position?: Position): void {
    if (this.ended || (position !== undefined && this.isBehindStart(position))) return;
    if (this.waiting === undefined) {
      this.connection.send(frame);
      return;
    }
    // A closing connection gets nothing more, and nothing must pile up until it is closed.
    if (!this.connection.open) return;
    this.waiting.push({ frame, position });
    this.holdBack(frame.length);
  }

  /**
   * Drops waiting frames that a later one supersedes.
   *
   * @returns how many.
   */
  conflate(): number {
    if (this.waiting === undefined) return 0;
    const before = this.waiting;
    this.waiting = withoutSuperseded(before, ({ frame }) => frame);
    this.holdBack(sizeOf(this.waiting) - sizeOf(before));
    return before.length - this.waiting.length;
  }

  /**
   * Fixes where the client starts, in the current epoch of the channel. Only what follows is delivered.
   *
   * @param replayBytes of what {@link begin} will be given, which `replays` has counted.
   */
  startAt(start: Position, replayBytes = 0, replays?: ReplayBudget): void {
    this.start = start;
    this.replayBytes = replayBytes;
    this.replays = replays;
    if (this.ended) this.releaseReplay(replayBytes);
    // Waiting frames of another epoch are older than this one.
    this.waiting = this.waiting?.filter(
      ({ position }) => position === undefined || (position.epoch === start.epoch && !this.isBehindStart(position)),
    );
    this.holdBack(sizeOf(this.waiting ?? []) - this.waitingBytes);
  }

  /** Sends the replay as fast as the client takes it, then what waited, and goes live. */
  begin(replay: readonly Buffer[]): void {
    const room = this.connection.replayRoom;
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
        const { unwritten } = this.connection;
        if (unwritten > 0 && unwritten + frame.length > room) {
          this.connection.whenWritten(step);
          return;
        }
        next += 1;
        if (batch === replay) this.releaseReplay(frame.length);
        else this.holdBack(-frame.length);
        this.connection.send(frame);
      }
    };
    step();
  }

  /** Its list of members is read from now on: earlier joins and leaves are in it. */
  listed(): void {
    this.listedAt = this.channel.changes;
  }

  end(): void {
    this.ended = true;
    this.waiting = undefined;
    this.holdBack(-this.waitingBytes);
    this.releaseReplay(this.replayBytes);
  }

  private holdBack(bytes: number): void {
    this.waitingBytes += bytes;
    this.connection.holdBack(bytes);
  }

  private releaseReplay(bytes: number): void {
    this.replayBytes -= bytes;
    this.replays?.release(bytes);
  }

  private isBehindStart({ epoch, offset }: Position): boolean {
    return this.start !== undefined && offset <= this.start.offset && epoch === this.start.epoch;
  }
}

function sizeOf(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, { frame }) => sum + frame.length, 0);
}
