import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { withoutSuperseded } from './conflation.js';
import type { FlushSchedule } from './flush-schedule.js';
import { tick } from '../limits/ticks.js';

/** Frames with fewer bytes in total are copied into one chunk: one write is cheaper than a vector of small ones. */
const JOIN_BELOW = 16_384;

/** More bytes are joined as well if the average frame is smaller than this. */
const SMALL_FRAME = 1_024;

/** How many bytes are offered to the kernel at once. Only what it does not take counts against a slow consumer. */
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
 * What waits to be written to one socket. Everything queued in one turn of the event loop is written at its end, or a
 * moment later (see {@link FlushSchedule}), in order and usually in one write. While the kernel takes no more, it stays
 * here, where it can still be superseded: a socket sends everything it was handed.
 */
export class Outbox {
  /** The tick at which a full socket last got room because its peer had taken something. 0 if that never happened. */
  drainedAt = 0;
  private first: Buffer | undefined;
  private rest: Buffer[] | undefined;
  private written: (() => void)[] | undefined;
  private queued = 0;
  /** Set until the kernel has taken what the socket was handed. */
  private held = false;
  /** Whether nothing was written since the last call of {@link takeQuiet}. */
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

  /** Frames waiting here. */
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

  /**
   * A control frame may be sent between others (RFC 6455, section 5.5), so it does not wait behind them for a slow
   * consumer.
   */
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

  /** Calls `done` when the kernel has taken everything queued so far. Never called if the socket ends first. */
  whenWritten(done: () => void): void {
    (this.written ??= []).push(done);
    // If the socket already has everything, an empty write comes after it.
    if (this.first === undefined) this.push(NOTHING);
  }

  /** Hands the queue to the socket, as far as the kernel keeps up. */
  flush(): void {
    while (this.first !== undefined && !this.held) {
      if (this.socket.writableNeedDrain) this.hold();
      else this.writeSome();
    }
  }

  /** Hands everything to the socket, since nothing will follow. */
  finish(): void {
    while (this.first !== undefined) this.writeSome();
  }

  /**
   * Drops superseded frames.
   *
   * @returns how many.
   */
  conflate(): number {
    if (this.first === undefined || this.rest === undefined) return 0;
    const before = this.rest.length + 1;
    const [first, ...rest] = withoutSuperseded([this.first, ...this.rest], (frame) => frame);
    this.first = first;
    this.rest = rest;
    this.queued = rest.reduce((sum, { length }) => sum + length, first?.length ?? 0);
    return before - rest.length - 1;
  }

  /** Drops what was not written yet. */
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
      // An immediate drain proves nothing: the kernel's buffer was not full.
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

  /** Takes as many frames after the first as are offered to the kernel with it. The next one becomes the first. */
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
