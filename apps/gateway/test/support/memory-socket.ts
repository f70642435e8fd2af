import { Duplex } from 'node:stream';

/** A TCP connection for an HTTP server without a kernel, for tests that need very many of them. */
export class MemorySocket extends Duplex {
  readonly remoteAddress = '192.0.2.1';
  bytesRead = 0;
  private readonly chunks: Buffer[] = [];

  /** What the server has written since the last call. */
  written(): Buffer {
    return Buffer.concat(this.chunks.splice(0));
  }

  /** Simulates data from the peer. */
  feed(bytes: Buffer): void {
    this.bytesRead += bytes.length;
    this.push(bytes);
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }
}
