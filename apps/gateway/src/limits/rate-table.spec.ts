import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RateTable } from './rate-table.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const taken = (sut: RateTable, key: string, times: number): number =>
  Array.from({ length: times }, () => sut.add(key)).filter(Boolean).length;

describe('a table of rates', () => {
  it('gives each key its burst, and then its rate', () => {
    const sut = new RateTable({ burst: 10, perSecond: 5 });
    expect(taken(sut, 'a', 20)).toBe(10);
    expect(taken(sut, 'b', 20)).toBe(10);
    vi.advanceTimersByTime(1_000);
    expect(taken(sut, 'a', 20)).toBe(5);
  });

  it('does not forget a key before its burst has fully recovered', () => {
    const sut = new RateTable({ burst: 10, perSecond: 1 });
    expect(taken(sut, 'a', 10)).toBe(10);
    for (let second = 0; second < 60; second += 1) {
      vi.advanceTimersByTime(1_000);
      taken(sut, `other-${second}`, 1);
      expect(taken(sut, 'a', 5)).toBe(1);
    }
  });

  it('forgets unused keys', () => {
    const sut = new RateTable({ burst: 10, perSecond: 10 });
    for (let n = 0; n < 1_000; n += 1) sut.add(`key-${n}`);
    for (let second = 0; second < 3; second += 1) {
      vi.advanceTimersByTime(1_001);
      sut.add('one');
    }
    expect(sut.size).toBe(1);
  });

  it('keeps a limited number of keys, and serves all others, however many there are', () => {
    const sut = new RateTable({ burst: 1, perSecond: 0.01 }, 1_000);
    let most = 0;
    for (let n = 0; n < 100_000; n += 1) {
      expect(sut.add(`key-${n}`)).toBe(true);
      most = Math.max(most, sut.size);
    }
    expect(most).toBeLessThanOrEqual(1_000);
  });
});
