/** The bytes are not what they should be: another application, or a fault, wrote them. */
export class InvalidBytesError extends Error {
  override readonly name = 'InvalidBytesError';
}

const FIRST_SIZE = 4_096;
/** Above this the buffer is not kept for the next use. */
const KEPT_SIZE = 1_048_576;
/** Bytes of the longest integer: 53 bits in groups of 7. */
const MAX_UINT_BYTES = 8;
/** Integers below this fit into the bitwise operations of JavaScript. */
const SMALL = 2 ** 31;

/** Writes integers, texts and bytes into a buffer that grows. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  /** An integer from 0 to 2^53 − 1 in groups of 7 bits, the lowest first. What is larger becomes 2^53 − 1. */
  uint(value: number): void {
    this.#reserve(MAX_UINT_BYTES);
    let rest = Math.min(value, Number.MAX_SAFE_INTEGER);
    while (rest >= SMALL) {
      this.#buffer[this.#length] = (rest % 128) | 128;
      this.#length += 1;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.#buffer[this.#length] = (rest & 127) | 128;
      this.#length += 1;
      rest >>>= 7;
    }
    this.#buffer[this.#length] = rest;
    this.#length += 1;
  }

  text(text: string): void {
    const size = Buffer.byteLength(text);
    this.uint(size);
    this.#reserve(size);
    this.#length += this.#buffer.write(text, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The bytes that were written, as a copy; the writer is empty again. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    if (this.#buffer.length > KEPT_SIZE) this.#buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
    return taken;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + size));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Reads what a {@link ByteWriter} wrote. Every method throws an {@link InvalidBytesError} if it cannot be that. */
export class ByteReader {
  readonly #buffer: Buffer;
  #position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#end;
  }

  byte(): number {
    if (this.#position >= this.#end) throw new InvalidBytesError('the bytes end too early');
    const value = this.#buffer[this.#position] ?? 0;
    this.#position += 1;
    return value;
  }

  uint(): number {
    let value = this.byte();
    if (value < 128) return value;
    value &= 127;
    for (let factor = 128; ; factor *= 128) {
      const next = this.byte();
      value += (next & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new InvalidBytesError('an integer is too large');
      if (next < 128) return value;
    }
  }

  text(): string {
    const start = this.#skip(this.uint());
    return this.#buffer.toString('utf8', start, this.#position);
  }

  /** A view of the next bytes, without a copy. */
  bytes(length: number): Buffer {
    const start = this.#skip(length);
    return this.#buffer.subarray(start, this.#position);
  }

  /** A reader of only the next bytes; this one continues behind them. */
  part(length: number): ByteReader {
    const start = this.#skip(length);
    return new ByteReader(this.#buffer, start, this.#position);
  }

  /** Throws if anything is left. */
  end(): void {
    if (!this.isAtEnd) throw new InvalidBytesError('there are more bytes than expected');
  }

  /** @returns where the skipped bytes begin. */
  #skip(length: number): number {
    const start = this.#position;
    if (length > this.#end - start) throw new InvalidBytesError('the bytes end too early');
    this.#position = start + length;
    return start;
  }
}
