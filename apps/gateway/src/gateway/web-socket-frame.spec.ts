import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Receiver } from 'ws';
import { PING_FRAME, pongFrame, textFrame } from './web-socket-frame.js';

/** What the parser of `ws` makes of a frame, as a client. */
async function parsed(frame: Buffer, event: 'message' | 'ping' | 'pong'): Promise<unknown[]> {
  const receiver = new Receiver({ isServer: false, skipUTF8Validation: false });
  const event$ = once(receiver, event);
  receiver.write(frame);
  return event$;
}

describe('an encoded frame', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 100_000])('of %i bytes is read as what it was', async (length) => {
    const [data, isBinary] = await parsed(textFrame('x'.repeat(length)), 'message');
    expect(String(data)).toBe('x'.repeat(length));
    expect(isBinary).toBe(false);
  });

  it('counts bytes, not characters', async () => {
    const text = '語'.repeat(42);
    expect(Buffer.byteLength(text)).toBe(126);
    const [data] = await parsed(textFrame(text), 'message');
    expect(String(data)).toBe(text);
  });

  it('of any text is UTF-8, half characters too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (text) => {
        const [data] = await parsed(textFrame(text), 'message');
        expect(String(data)).toBe(text.toWellFormed());
      }),
    );
    const [data] = await parsed(textFrame('\ud83d'), 'message');
    expect(String(data)).toBe('\ufffd');
  });

  it('is a ping, or the pong to one', async () => {
    expect(await parsed(PING_FRAME, 'ping')).toEqual([Buffer.alloc(0)]);
    for (const payload of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(125, 'y')]) {
      expect(await parsed(pongFrame(payload), 'pong')).toEqual([payload]);
    }
  });
});
