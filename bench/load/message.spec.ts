import { describe, expect, it } from 'vitest';
import { DATA_BYTES, messageData, now, recordsData, sentAt } from './message.ts';

describe('recordsData', () => {
  it.each([200, 1_000, 20_000])('is JSON of about %i bytes, with the time when it was sent', (bytes) => {
    const data = recordsData(5, bytes);
    expect(JSON.parse(data)).toMatchObject({ number: 5 });
    expect(Math.abs(data.length - bytes)).toBeLessThan(150);
    expect(sentAt(Buffer.from(data), 0, data.length)).toBeGreaterThan(0);
  });
});

describe('messageData', () => {
  it('is JSON of the same size for every message', () => {
    for (const number of [0, 1, 123_456_789]) {
      const data = messageData(number);
      expect(data).toHaveLength(DATA_BYTES);
      expect(JSON.parse(data)).toMatchObject({ number });
    }
  });

  it('contains the time when it was sent, anywhere in a frame', () => {
    const before = now();
    const frame = Buffer.from(`{"event":"message","data":${messageData(1)}}`);
    const sent = sentAt(frame, 3, frame.length) ?? 0;
    expect(sent).toBeGreaterThanOrEqual(before);
    expect(sent).toBeLessThanOrEqual(now());
  });

  it('has no time outside of its frame', () => {
    const frames = Buffer.from(`{}{"at":1}`);
    expect(sentAt(frames, 0, 2)).toBeUndefined();
  });
});
