import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PING_FRAME, pongFrame, textFrame } from './web-socket-frame.js';

const FINAL_TEXT = 0x81;
const FINAL_PING = 0x89;
const FINAL_PONG = 0x8a;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Decodes a frame (RFC 6455, section 5.2); fails if the length is not in its shortest form or differs from the payload's. */
function decoded(frame: Buffer): { first: number; payload: Buffer } {
  const short = frame.readUInt8(1);
  expect(short & 0x80, 'not masked').toBe(0);
  const [header, length] =
    short < 126 ? [2, short] : short === 126 ? [4, frame.readUInt16BE(2)] : [10, Number(frame.readBigUInt64BE(2))];
  expect(length).toBeGreaterThanOrEqual(header === 2 ? 0 : header === 4 ? 126 : 65_536);
  expect(frame).toHaveLength(header + length);
  return { first: frame.readUInt8(0), payload: frame.subarray(header) };
}

describe('an encoded frame', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 100_000])('of %i bytes is decoded to its content', (length) => {
    const { first, payload } = decoded(textFrame('x'.repeat(length)));
    expect(first).toBe(FINAL_TEXT);
    expect(payload.toString()).toBe('x'.repeat(length));
  });

  it('counts bytes, not characters', () => {
    const text = '語'.repeat(42);
    expect(decoded(textFrame(text)).payload).toHaveLength(126);
    expect(decoded(textFrame(text)).payload.toString()).toBe(text);
  });

  it('of any text is UTF-8, including unpaired surrogates', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(utf8.decode(decoded(textFrame(text)).payload)).toBe(text.toWellFormed());
      }),
    );
    expect(decoded(textFrame('\ud83d')).payload.toString()).toBe('\ufffd');
  });

  it('is a ping or a pong', () => {
    expect(decoded(PING_FRAME)).toEqual({ first: FINAL_PING, payload: Buffer.alloc(0) });
    for (const payload of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(125, 'y')]) {
      expect(decoded(pongFrame(payload))).toEqual({ first: FINAL_PONG, payload });
    }
  });
});
