import { constants, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressedFrame, PING_FRAME, pongFrame, textFrame } from './web-socket-frame.js';

const FINAL_TEXT = 0x81;
const COMPRESSED_TEXT = 0xc1;
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

/** Inflates as a client does it (RFC 7692, section 7.2.2), with the smallest window that was agreed on. */
function inflated(payload: Buffer): string {
  return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), {
    finishFlush: constants.Z_SYNC_FLUSH,
    windowBits: 12,
  }).toString();
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

describe('a compressed frame', () => {
  it.each([300, 5_000, 65_600, 262_144])('of %i bytes is decoded to the same content', (length) => {
    const text = Array.from({ length }, (_, index) => String.fromCharCode(97 + ((index * index) % 23))).join('');
    const plain = textFrame(text);
    const { first, payload } = decoded(compressedFrame(plain));
    expect(first).toBe(COMPRESSED_TEXT);
    expect(inflated(payload)).toBe(text);
    expect(payload.length).toBeLessThan(length);
  });

  it('is the plain one if that is not larger', () => {
    const plain = textFrame('{"number":7}');
    expect(compressedFrame(plain)).toBe(plain);
  });
});
