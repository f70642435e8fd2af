import { constants, deflateRawSync } from 'node:zlib';

/** The first byte of a final text frame (RFC 6455, section 5.2), plain and compressed (RFC 7692, section 6). */
const TEXT = 0x81;
const COMPRESSED_TEXT = 0xc1;

/**
 * The size of the window of compressed frames, as a power of 2. Some clients offer no larger one, to save memory; a
 * larger one hardly saves bytes.
 */
export const WINDOW_BITS = 12;

const DEFLATE = { windowBits: WINDOW_BITS, memLevel: 6, finishFlush: constants.Z_SYNC_FLUSH };

/** The end of every flush, which is not sent (RFC 7692, section 7.2.1). */
const FLUSH_END_BYTES = 4;

/**
 * Encodes an unmasked, final text frame (RFC 6455, section 5.2). Not left to `ws`, so that one buffer serves every
 * subscriber of a channel.
 */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = frameOf(TEXT, length);
  frame.write(text, frame.length - length);
  return frame;
}

/**
 * The same frame for clients that agreed on permessage-deflate without context takeover: compressed, or itself if that is
 * not smaller. On this thread: it takes less time than switching to another one and back, and messages stay in order.
 */
export function compressedFrame(frame: Buffer): Buffer {
  const flushed = deflateRawSync(frame.subarray(headerOf(frame)), DEFLATE);
  const data = flushed.subarray(0, -FLUSH_END_BYTES);
  // Copied, because it is the beginning of a larger buffer.
  const compressed = frameOf(COMPRESSED_TEXT, data.length);
  data.copy(compressed, compressed.length - data.length);
  return compressed.length < frame.length ? compressed : frame;
}

/** A frame with its header, and room for so many bytes. */
function frameOf(firstByte: number, length: number): Buffer {
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = firstByte;
  if (header === 2) {
    frame[1] = length;
  } else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  return frame;
}

/** The size of the header of a frame of {@link frameOf}. */
function headerOf(frame: Buffer): number {
  const length = frame[1] ?? 0;
  return length < 126 ? 2 : length === 126 ? 4 : 10;
}

/** An empty ping (RFC 6455, section 5.5.2). */
export const PING_FRAME = Buffer.from([0x89, 0x00]);

/** The answer to a ping: the same payload of at most 125 bytes (RFC 6455, section 5.5.3). */
export function pongFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x8a, payload.length]), payload]);
}
