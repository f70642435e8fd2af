import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { constants, inflateRawSync } from 'node:zlib';
import { WebSocket } from 'ws';

const FLUSH_END = Buffer.from([0, 0, 0xff, 0xff]);
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };

/** A socket whose kernel is controlled by the test: accepts writes at once, or nothing while it is paused. */
export class ManualSocket extends Duplex {
  bytesRead = 0;
  private paused = false;
  private blocked: (() => void)[] = [];

  /** @param taken is called with each text frame that the "kernel" has accepted. */
  constructor(private readonly taken: (text: string) => void) {
    super();
  }

  pauseWrites(): void {
    this.paused = true;
  }

  resumeWrites(): void {
    this.paused = false;
    for (const write of this.blocked.splice(0)) write();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const write = (): void => {
      for (const text of textFrames(chunk)) this.taken(text);
      done();
    };
    if (this.paused) this.blocked.push(write);
    else write();
  }
}

/** The WebSocket that a `Connection` listens to; `ended` simulates its end. */
export class ManualWebSocket extends EventEmitter {
  readyState: number = WebSocket.OPEN;
  isPaused = false;
  /** Where `ws` keeps what was agreed on. */
  readonly _extensions = {};
  /** The code with which the gateway closed it. */
  closedWith: number | undefined;

  close(code: number): void {
    this.closedWith ??= code;
    this.readyState = WebSocket.CLOSING;
  }

  terminate(): void {
    this.ended(1006);
  }

  pause(): void {}

  resume(): void {}

  /** @param code of the client's close frame, or 1006 if the connection broke. */
  ended(code: number): void {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.emit('close', code);
  }
}

/** The payloads of unmasked text frames (RFC 6455, section 5.2), also of compressed ones (RFC 7692, section 7.2.2). */
function* textFrames(chunk: Buffer): Generator<string> {
  for (let at = 0; at < chunk.length;) {
    const short = chunk.readUInt8(at + 1);
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126 ? short : short === 126 ? chunk.readUInt16BE(at + 2) : Number(chunk.readBigUInt64BE(at + 2));
    const first = chunk.readUInt8(at);
    at += header;
    const payload = chunk.subarray(at, at + length);
    if (first === 0x81) yield payload.toString();
    if (first === 0xc1) yield inflateRawSync(Buffer.concat([payload, FLUSH_END]), SYNC).toString();
    at += length;
  }
}
