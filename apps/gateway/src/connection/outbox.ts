import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { withoutSuperseded } from './conflation.js';
import type { FlushSchedule } from './flush-schedule.js';
import { tick } from '../limits/ticks.js';

/** Frames below this many bytes in all are copied into one chunk: one write is cheaper than a vector of small ones. */
const JOIN_BELOW = 16_384;

/** So are more of them, where they are smaller than this on average. */
const SMALL_FRAME = 1_024;

/** So many bytes are offered to the kernel at once: only what it does not take counts against a slow consumer. */
const FLUSH_AT = 65_536;

const NOTHING = Buffer.alloc(0);

/** Joins frames to one chunk, and keeps the last one: in a busy channel the next subscriber is sent the same frames. */
export class FrameJoiner {
  private frames: readonly Buffer[] = [];
  private chunk = NOTHING;

  join(frames: readonly Buffer[], bytes: number): Buffer {
    const { frames: last } = this;
    if (frames.length !== last.length || frames.some((frame, index) => frame !== last[index])) {
      this.frames = frames;
      this.chunk = Buffer.concat(frames, bytes);
    }
    return this.chunk;
  }
}

/**
 * What waits to be written to one socket. What is queued in one turn of the event loop goes out as one write at its
 * end (or as several, where it is much; or a moment later, see {@link FlushSchedule}), in the order in which it was queued. While the kernel takes no more it stays
 * here, where it can still be superseded: what a socket was handed it sends.
 */
export class Outbox {
  /** The tick at which a full socket got room, for the last time: its peer had taken something. 0 if that never happened. */
  drainedAt = 0;
  private first: Buffer | undefined;
  private rest: Buffer[] | undefined;
  private written: (() => void)[] | undefined;
  private queued = 0;
  /** Until the kernel has taken what the socket was handed. */
  private held = false;
  /** Whether nothing was written since {@link takeQuiet} was last called. */
  private quiet = true;

  constructor(
    private readonly webSocket: WebSocket,
    private readonly socket: Duplex,
    private readonly schedule: FlushSchedule,
    private readonly joiner: FrameJoiner,
  ) {}

  /** Bytes that the kernel has not taken yet. */
  get bytes(): number {
    return this.queued + this.socket.writableLength;
  }

  /** Whether the kernel takes no more for now. */
  get isHeld(): boolean {
    return this.held;
  }

  /** Frames that wait here. */
  get waiting(): number {
    return this.first === undefined ? 0 : 1 + (this.rest?.length ?? 0);
  }

  push(frame: Buffer): void {
    this.queued += frame.length;
    if (this.first !== undefined) {
      (this.rest ??= []).push(frame);
    } else {
      this.first = frame;
      this.schedule.add(this);
    }
    if (this.queued >= FLUSH_AT) this.flush();
  }

  /** A control frame may come between others (RFC 6455, section 5.5): it does not wait behind them for a slow consumer. */
  pushControl(frame: Buffer): void {
    if (this.held) this.socket.write(frame);
    else this.push(frame);
  }

  /** @returns whether nothing was written since the last call. */
  takeQuiet(): boolean {
    const { quiet } = this;
    this.quiet = true;
    return quiet;
  }

  /** Calls `done` when the kernel has taken what is queued by now. Never called where the socket ends before. */
  whenWritten(done: () => void): void {
    (this.written ??= []).push(done);
    // Where everything is with the socket by now, an empty write comes behind it.
    if (this.first === undefined) this.push(NOTHING);
  }

  /** Hands the socket what is queued, as far as the kernel keeps up. */
  flush(): void {
    while (this.first !== undefined && !this.held) {
      if (this.socket.writableNeedDrain) this.hold();
      else this.writeSome();
    }
  }

  /** Hands the socket everything, since nothing will follow. */
  finish(): void {
    while (this.first !== undefined) this.writeSome();
  }

  /** Forgets what a later frame supersedes. @returns how many frames that were. */
  conflate(): number {
    if (this.first === undefined || this.rest === undefined) return 0;
    const before = this.rest.length + 1;
    const [first, ...rest] = withoutSuperseded([this.first, ...this.rest], (frame) => frame);
    this.first = first;
    this.rest = rest;
    this.queued = rest.reduce((sum, { length }) => sum + length, first?.length ?? 0);
    return before - rest.length - 1;
  }

  /** Forgets what was not written yet. */
  clear(): void {
    this.first = undefined;
    this.rest = undefined;
    this.written = undefined;
    this.queued = 0;
  }

  private hold(): void {
    this.held = true;
    const since = tick();
    this.socket.once('drain', () => {
      this.held = false;
      // At once it says nothing: the kernel's buffer was not full.
      if (tick() > since + 1) this.drainedAt = tick();
      this.flush();
    });
  }

  private writeSome(): void {
    const { first, rest } = this;
    if (first === undefined) return;
    this.quiet = false;
    // Nothing may follow a close frame (RFC 6455, section 5.5.1), and `ws` answers the client's by itself.
    if (this.webSocket.readyState !== WebSocket.OPEN) {
      this.clear();
      return;
    }
    const more = rest === undefined ? undefined : this.takeRest(first.length, rest);
    if (more === undefined) this.first = undefined;
    const bytes = more?.bytes ?? first.length;
    this.queued -= bytes;
    const done = this.first === undefined ? this.takeWritten() : undefined;
    if (more === undefined || more.frames.length === 0) {
      this.socket.write(first, done);
    } else if (bytes < Math.max(JOIN_BELOW, (more.frames.length + 1) * SMALL_FRAME)) {
      this.socket.write(this.joiner.join([first, ...more.frames], bytes), done);
    } else {
      this.socket.cork();
      this.socket.write(first);
      for (let i = 0; i < more.frames.length - 1; i += 1) this.socket.write(more.frames[i]);
      this.socket.write(more.frames[more.frames.length - 1], done);
      this.socket.uncork();
    }
  }

  /** Takes as many frames behind the first as are offered to the kernel with it, and leaves the next one in its place. */
  private takeRest(firstBytes: number, rest: Buffer[]): { frames: Buffer[]; bytes: number } {
    if (this.queued <= FLUSH_AT + firstBytes) {
      const bytes = this.queued;
      this.first = undefined;
      this.rest = undefined;
      return { frames: rest, bytes };
    }
    let count = 0;
    let bytes = firstBytes;
    for (let frame = rest[0]; frame !== undefined && bytes < FLUSH_AT; frame = rest[count]) {
      bytes += frame.length;
      count += 1;
    }
    const frames = rest.splice(0, count);
    this.first = rest.shift();
    return { frames, bytes };
  }

  private takeWritten(): ((error?: Error | null) => void) | undefined {
    const { written } = this;
    this.written = undefined;
    return written && ((error) => void (!error && written.forEach((call) => call())));
  }
}
