import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

/** Frames below this many bytes in all are copied into one chunk: one write is cheaper than a vector of small ones. */
const JOIN_BELOW = 16_384;

/** So many bytes are offered to the kernel at once: only what it does not take counts against a slow consumer. */
const FLUSH_AT = 65_536;

const NOTHING = Buffer.alloc(0);

const waiting: Outbox[] = [];

function flushAll(): void {
  // A flush may close a connection, and that may queue nothing new: every outbox in the list is taken exactly once.
  for (const outbox of waiting.splice(0)) outbox.flush();
}

/**
 * What waits to be written to one socket. What is queued in one turn of the event loop goes out as one write at its
 * end (or as several, where it is much), in the order in which it was queued.
 */
export class Outbox {
  private first: Buffer | undefined;
  private rest: Buffer[] | undefined;
  private written: (() => void)[] | undefined;
  private queued = 0;

  constructor(
    private readonly webSocket: WebSocket,
    private readonly socket: Duplex,
  ) {}

  /** Bytes that the kernel has not taken yet. */
  get bytes(): number {
    return this.queued + this.socket.writableLength;
  }

  push(frame: Buffer): void {
    this.queued += frame.length;
    if (this.first !== undefined) {
      (this.rest ??= []).push(frame);
    } else {
      this.first = frame;
      if (waiting.push(this) === 1) setImmediate(flushAll);
    }
    if (this.queued >= FLUSH_AT) this.flush();
  }

  /** Calls `done` when the kernel has taken what is queued by now. Never called where the socket ends before. */
  whenWritten(done: () => void): void {
    (this.written ??= []).push(done);
    // Where everything is with the socket by now, an empty write comes behind it.
    if (this.first === undefined) this.push(NOTHING);
  }

  flush(): void {
    const { first, rest, written } = this;
    if (first === undefined) return;
    const bytes = this.queued;
    this.first = undefined;
    this.rest = undefined;
    this.queued = 0;
    // Nothing may follow a close frame (RFC 6455, section 5.5.1), and `ws` answers the client's by itself.
    if (this.webSocket.readyState !== WebSocket.OPEN) return;
    this.written = undefined;
    const done = written && ((error?: Error | null) => !error && written.forEach((call) => call()));
    if (rest === undefined) {
      this.socket.write(first, done);
    } else if (bytes < JOIN_BELOW) {
      this.socket.write(Buffer.concat([first, ...rest], bytes), done);
    } else {
      this.socket.cork();
      this.socket.write(first);
      for (let i = 0; i < rest.length - 1; i += 1) this.socket.write(rest[i]);
      this.socket.write(rest[rest.length - 1], done);
      this.socket.uncork();
    }
  }

  /** Forgets what was not written yet. */
  clear(): void {
    this.first = undefined;
    this.rest = undefined;
    this.written = undefined;
    this.queued = 0;
  }
}
