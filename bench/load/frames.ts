/** Opcodes of RFC 6455, section 5.2. */
export const OPCODE = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** Marks a compressed frame (RFC 7692, section 6). */
const RSV1 = 0x40;

/** Called for each frame; `data` is only valid during the call. */
export interface FrameSink {
  frame(opcode: number, data: Buffer, start: number, end: number, isCompressed: boolean): void;
}

/**
 * Finds a server's frames in the chunks that a socket reads. Payloads are not copied, except for those that span
 * chunks.
 */
export class FrameReader {
  #rest: Buffer | undefined;

  read(piece: Buffer, sink: FrameSink): void {
    const data = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    while (at + 2 <= data.length) {
      let length = (data[at + 1] ?? 0) & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (start + 2 > data.length) break;
        length = data.readUInt16BE(start);
        start += 2;
      } else if (length === 127) {
        if (start + 8 > data.length) break;
        length = Number(data.readBigUInt64BE(start));
        start += 8;
      }
      const end = start + length;
      if (end > data.length) break;
      const first = data[at] ?? 0;
      sink.frame(first & 0x0f, data, start, end, (first & RSV1) !== 0);
      at = end;
    }
    // Copied, because the socket reads the next chunk into the same buffer.
    this.#rest = at < data.length ? Buffer.from(data.subarray(at)) : undefined;
  }
}

/**
 * A client's final frame. A client must mask; a zero mask leaves the payload unchanged, so that masking costs the load
 * generator nothing, and the server the usual amount.
 */
export function clientFrame(opcode: number, payload: string | Buffer): Buffer {
  const length = Buffer.byteLength(payload);
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.alloc(header + 4 + length);
  frame[0] = 0x80 | opcode;
  if (header === 2) {
    frame[1] = 0x80 | length;
  } else if (header === 4) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 0x80 | 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  if (typeof payload === 'string') frame.write(payload, header + 4);
  else payload.copy(frame, header + 4);
  return frame;
}
