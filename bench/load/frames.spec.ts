import { describe, expect, it } from 'vitest';
import { clientFrame, FrameReader, OPCODE } from './frames.ts';

/** A server's frame: like a client's, without the mask. */
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
  // Like a socket, which reads each piece into the same buffer.
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

  it('finds every frame in a chunk, with each kind of length', () => {
    expect(read([Buffer.concat(frames)])).toEqual(expected);
  });

  it.each([1, 2, 3, 7, 127, 4_096])('finds the same frames in chunks of %i bytes', (size) => {
    // Long frames in small chunks would take long, and test nothing more.
    const count = size < 1_000 ? 4 : texts.length;
    const sent = Buffer.concat(frames.slice(0, count));
    const pieces = Array.from({ length: Math.ceil(sent.length / size) }, (_, index) =>
      sent.subarray(index * size, (index + 1) * size),
    );
    expect(read(pieces)).toEqual(expected.slice(0, count));
  });

  it('distinguishes control frames from text frames', () => {
    const pieces = [Buffer.concat([serverFrame(OPCODE.ping, 'p'), serverFrame(OPCODE.text, 't')])];
    expect(read(pieces).map(({ opcode }) => opcode)).toEqual([OPCODE.ping, OPCODE.text]);
  });
});

it('marks compressed frames', () => {
  const frame = serverFrame(OPCODE.text, 'x');
  frame[0] = (frame[0] ?? 0) | 0x40;
  const marks: boolean[] = [];
  new FrameReader().read(Buffer.concat([frame, serverFrame(OPCODE.text, 'y')]), {
    frame: (_opcode, _data, _start, _end, isCompressed) => marks.push(isCompressed),
  });
  expect(marks).toEqual([true, false]);
});

describe('clientFrame', () => {
  it('is masked with a zero mask', () => {
    const frame = clientFrame(OPCODE.text, 'abc');
    expect([...frame]).toEqual([0x81, 0x83, 0, 0, 0, 0, 0x61, 0x62, 0x63]);
  });
});
