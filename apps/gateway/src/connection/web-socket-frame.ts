/**
 * Encodes an unmasked, final text frame (RFC 6455, section 5.2). Not left to `ws`, so that one buffer serves every
 * subscriber of a channel.
 */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = 0x81;
  if (header === 2) {
    frame[1] = length;
  } else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, header);
  return frame;
}

/** An empty ping (RFC 6455, section 5.5.2). */
export const PING_FRAME = Buffer.from([0x89, 0x00]);

/** The answer to a ping: the same payload of at most 125 bytes (RFC 6455, section 5.5.3). */
export function pongFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x8a, payload.length]), payload]);
}
