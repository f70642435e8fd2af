import { describe, expect, it, vi } from 'vitest';
import { KnownChannels } from './known-channels.js';

describe('recently used channels', () => {
  it('are known, and hardly any others', () => {
    const sut = new KnownChannels();
    for (let n = 0; n < 5_000; n += 1) sut.add(`chat:${n}`);
    for (let n = 0; n < 5_000; n += 1) expect(sut.has(`chat:${n}`)).toBe(true);
    const mistaken = Array.from({ length: 5_000 }, (_, n) => sut.has(`other:${n}`)).filter(Boolean);
    expect(mistaken.length).toBeLessThan(500);
  });

  it('are forgotten when they are no longer used', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const sut = new KnownChannels();
      sut.add('chat:1');
      for (let n = 0; n < 3; n += 1) {
        vi.advanceTimersByTime(700_000);
        sut.add(`other:${n}`);
      }
      expect(sut.has('chat:1')).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
