import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeakyBucket } from './leaky-bucket.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** How many of these fit. */
function fill(sut: LeakyBucket, count: number): number {
  return Array.from({ length: count }, () => sut.add()).filter(Boolean).length;
}

describe('a leaky bucket', () => {
  it('accepts the burst at once and no more', () => {
    expect(fill(new LeakyBucket(100, 10), 1_000)).toBe(100);
  });

  it('accepts as many more per second as leak out', () => {
    const sut = new LeakyBucket(100, 10);
    fill(sut, 1_000);
    vi.advanceTimersByTime(1_000);
    expect(fill(sut, 1_000)).toBe(10);
    vi.advanceTimersByTime(500);
    expect(fill(sut, 1_000)).toBe(5);
  });

  it('never accepts more than the burst, however long it was idle', () => {
    const sut = new LeakyBucket(5, 10);
    fill(sut, 3);
    vi.advanceTimersByTime(3_600_000);
    expect(fill(sut, 1_000)).toBe(5);
  });

  it('accepts a steady stream at its rate indefinitely', () => {
    const sut = new LeakyBucket(1, 10);
    for (let second = 0; second < 100; second += 1) {
      expect(sut.add()).toBe(true);
      vi.advanceTimersByTime(100);
    }
  });

  it('accepts nothing without a burst, and only the burst without a leak', () => {
    expect(fill(new LeakyBucket(0, 10), 10)).toBe(0);
    const sut = new LeakyBucket(3, 0);
    expect(fill(sut, 10)).toBe(3);
    vi.advanceTimersByTime(3_600_000);
    expect(fill(sut, 10)).toBe(0);
  });
});
