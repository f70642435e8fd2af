import { afterEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from './backoff.js';

describe('Backoff', () => {
  afterEach(() => vi.restoreAllMocks());

  it('doubles its bound up to the maximum, and starts over after a reset', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    const sut = new Backoff({ base: 500, max: 20_000 });
    const delays = () => Array.from({ length: 8 }, () => Math.ceil(sut.next()));

    expect(delays()).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
    sut.reset();
    expect(delays()[0]).toBe(500);
  });

  it('picks anything below the bound', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(new Backoff({ base: 500, max: 20_000 }).next()).toBe(0);
  });

  it('stays at the maximum after many attempts', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const sut = new Backoff({ base: 500, max: 20_000 });
    for (let attempt = 0; attempt < 2_000; attempt++) sut.next();

    expect(sut.next()).toBe(20_000);
  });
});
