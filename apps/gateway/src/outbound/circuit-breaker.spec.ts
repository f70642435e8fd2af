import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.js';

let changes: boolean[];
let sut: CircuitBreaker;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  changes = [];
  sut = new CircuitBreaker((isOpen) => changes.push(isOpen));
});

function failAll(...callers: string[]): void {
  for (const caller of callers) sut.failed(caller, 'other');
}

const FIVE = ['a', 'b', 'c', 'd', 'e'] as const;

describe('a circuit breaker that opens only for faults of the backend', () => {
  it('stays closed if requests of a few callers fail while others succeed', () => {
    for (let n = 0; n < 1_000; n += 1) {
      failAll('evil', 'worse', 'worst', 'friend');
      sut.answered();
      vi.advanceTimersByTime(1_000);
    }
    expect(changes).toEqual([]);
  });

  it('stays closed if many requests of one caller fail', () => {
    for (let n = 0; n < 1_000; n += 1) failAll('evil');
    expect(sut.isOpen).toBe(false);
  });

  it('opens if the requests of five callers fail without a success in between', () => {
    failAll('a', 'b', 'c', 'd');
    sut.answered();
    failAll('a', 'b', 'c', 'd');
    expect(sut.isOpen).toBe(false);
    failAll('e');
    expect(sut.isOpen).toBe(true);
    expect(sut.refusesAll).toBe(true);
    expect(sut.admits('a')).toBe(false);
  });

  it('opens if the server is unreachable five times, whoever calls', () => {
    for (let n = 0; n < 5; n += 1) sut.failed('ann', 'unreachable');
    expect(sut.isOpen).toBe(true);
  });

  it('opens if nothing succeeds for ten seconds, even if callers cannot be told apart', () => {
    for (let n = 0; n < 30; n += 1) failAll('nobody');
    expect(sut.isOpen).toBe(false);
    vi.advanceTimersByTime(10_000);
    failAll('nobody');
    expect(sut.isOpen).toBe(true);
  });

  it('admits a few requests after a while, one per caller, and closes when one succeeds', () => {
    failAll(...FIVE);
    vi.advanceTimersByTime(1_000);
    expect(sut.refusesAll).toBe(false);
    expect(sut.admits('evil')).toBe(true);
    expect(sut.admits('evil')).toBe(false);
    failAll('evil');
    // A caller whose requests always fail does not keep it open for others.
    expect(sut.admits('ann')).toBe(true);
    sut.answered();
    expect(sut.isOpen).toBe(false);
    expect(changes).toEqual([true, false]);
    for (let n = 0; n < 100; n += 1) expect(sut.admits('ann')).toBe(true);
  });

  it('waits longer after each failed attempt, up to ten seconds', () => {
    failAll(...FIVE);
    const tried: number[] = [];
    for (let second = 0; second < 40; second += 1) {
      vi.advanceTimersByTime(1_000);
      const admitted = Array.from({ length: 20 }, (_, n) => `user-${n}`).filter((caller) => sut.admits(caller));
      failAll(...admitted);
      if (admitted.length > 0) tried.push(second);
      expect(admitted.length).toBeLessThanOrEqual(5);
    }
    expect(tried.length).toBeGreaterThan(4);
    expect(tried.length).toBeLessThan(10);
    expect(changes).toEqual([true]);
  });
});
