import { describe, expect, it } from 'vitest';
import { clientFrame, FrameReader, OPCODE } from './frames.ts';

/** A frame as a server sends it: as a client's, without the mask. */
function serverFrame(opcode: number, payload: string): Buffer {
  const masked = clientFrame(opcode, payload);
  const header = masked.length - Buffer.byteLength(payload) - 4;
  const frame = Buffer.concat([masked.subarray(0, header), Buffer.from(payload)]);
  frame[1] = (frame[1] ?? 0) & 0x7f;
  return frame;
}

function read(pieces: Iterable<Buffer>): { opcode: number; text: string }[] {
  const frames: { opcode: number; text: string }[] = [];
  const sut = new FrameReader();
  // As a socket does it, which reads each piece into the same bytes.
  const shared = Buffer.alloc(200_000);
  for (const piece of pieces) {
    piece.copy(shared);
    sut.read(shared.subarray(0, piece.length), {
      frame: (opcode, data, start, end) => frames.push({ opcode, text: data.toString('utf8', start, end) }),
    });
  }
  return frames;
}

describe('FrameReader', () => {
  const texts = ['', 'a', 'é'.repeat(62), 'x'.repeat(126), 'y'.repeat(65_535), 'z'.repeat(65_536)];
  const frames = texts.map((text) => serverFrame(OPCODE.text, text));
  const expected = texts.map((text) => ({ opcode: OPCODE.text, text }));

  it('finds every frame of a piece, with each kind of length', () => {
    expect(read([Buffer.concat(frames)])).toEqual(expected);
  });

  it.each([1, 2, 3, 7, 127, 4_096])('finds the same frames in pieces of %i bytes', (size) => {
    // The long ones in small pieces would take long, and tell no more.
    const count = size < 1_000 ? 4 : texts.length;
    const sent = Buffer.concat(frames.slice(0, count));
    const pieces = Array.from({ length: Math.ceil(sent.length / size) }, (_, index) =>
      sent.subarray(index * size, (index + 1) * size),
    );
    expect(read(pieces)).toEqual(expected.slice(0, count));
  });

  it('tells control frames from texts', () => {
    const pieces = [Buffer.concat([serverFrame(OPCODE.ping, 'p'), serverFrame(OPCODE.text, 't')])];
    expect(read(pieces).map(({ opcode }) => opcode)).toEqual([OPCODE.ping, OPCODE.text]);
  });
});

describe('clientFrame', () => {
  it('is masked, by a mask that changes nothing', () => {
    const frame = clientFrame(OPCODE.text, 'abc');
    expect([...frame]).toEqual([0x81, 0x83, 0, 0, 0, 0, 0x61, 0x62, 0x63]);
  });
});
