import { describe, expect, it, vi } from 'vitest';
import type { Config } from '../config/index.js';
import { Metrics } from '../metrics/metrics.js';
import type { HeldMemory } from './held-memory.js';
import { Overload, type Sheddable } from './overload.js';
import { SILENT } from '../../test/support/recorded-log.js';

const LIMITS = { maxEventLoopDelay: 200, maxMemory: 0.8, shedAfter: 5_000, shedShare: 0.01 };

function setUp(overload: Partial<typeof LIMITS> = {}, count = 250) {
  const askSome = vi.fn<Sheddable['askSome']>((many) => many);
  const config = { overload: { ...LIMITS, ...overload } } as Config;
  const held = { isShort: false, total: 1 } as HeldMemory;
  const sut = new Overload(config, held, new Metrics(), SILENT);
  sut.shedFrom({ count, askSome });
  return { sut, askSome, held };
}

describe('a pod', () => {
  it.each<[string, Partial<Overload>, Partial<Overload>, Partial<Overload>]>([
    ['whose event loop is late', { eventLoopDelayMs: 200 }, { eventLoopDelayMs: 201 }, { eventLoopDelayMs: 101 }],
    ['whose memory is full', { memory: 0.8 }, { memory: 0.81 }, { memory: 0.73 }],
  ])('%s is overloaded, and recovers only when it is well below the limit', (_name, fine, bad, better) => {
    const { sut } = setUp();
    const judge = (sample: Partial<Overload>): boolean => {
      Object.assign(sut, { eventLoopDelayMs: 0, memory: 0 }, sample);
      sut.judge(0);
      return sut.isOverloaded;
    };
    expect(judge(fine)).toBe(false);
    expect(judge(bad)).toBe(true);
    expect(judge(better)).toBe(true);
    expect(judge({})).toBe(false);
    expect(judge(better)).toBe(false);
  });

  it('that stays overloaded asks a small share of its clients to leave each second, but none at first', () => {
    const { sut, askSome } = setUp();
    sut.eventLoopDelayMs = 1_000;
    for (let second = 0; second < 5; second += 1) sut.judge(second * 1_000);
    expect(askSome).not.toHaveBeenCalled();
    for (let second = 5; second < 15; second += 1) sut.judge(second * 1_000);
    // 2.5 per second.
    expect(askSome.mock.calls.map(([count]) => count)).toEqual([2, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
    sut.eventLoopDelayMs = 0;
    sut.judge(15_000);
    expect(askSome).toHaveBeenCalledTimes(10);
    // A new overload has to last as long before clients are asked.
    sut.eventLoopDelayMs = 1_000;
    sut.judge(16_000);
    sut.judge(20_000);
    expect(askSome).toHaveBeenCalledTimes(10);
  });

  it('asks no clients to leave if so configured', () => {
    const { sut, askSome } = setUp({ shedShare: 0 });
    sut.memory = 1;
    for (let second = 0; second < 20; second += 1) sut.judge(second * 1_000);
    expect(askSome.mock.calls.every(([count]) => count === 0)).toBe(true);
  });
});
