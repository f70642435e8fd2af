import { describe, expect, it } from 'vitest';
import { highest, type Trial } from '../capacity/search.js';

/** A pod that serves rates up to a limit, and seems to serve more if it is tried for a short time only. */
function podWith(limit: number, promised = limit) {
  const quick: number[] = [];
  const full: number[] = [];
  return {
    quick,
    full,
    find: (from: number) =>
      highest(
        from,
        (rate) => tried(quick, rate, promised),
        (rate) => tried(full, rate, limit),
      ),
  };
}

async function tried(rates: number[], rate: number, limit: number): Promise<Trial & { rate: number }> {
  rates.push(rate);
  return { passed: rate <= limit, rate };
}

describe('the search for the highest rate', () => {
  it.each([1_000, 1_999, 5_000, 123_456])('comes close to %i from below', async (limit) => {
    const { rate } = await podWith(limit).find(1_000);
    expect(rate).toBeLessThanOrEqual(limit);
    expect(rate).toBeGreaterThan(0.85 * limit);
  });

  it('doubles with quick trials, and halves the rest with full ones', async () => {
    const sut = podWith(5_000);
    await sut.find(1_000);
    expect(sut.quick).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(sut.full).toEqual([6_000, 5_000, 5_500]);
  });

  it('finds less than it began with', async () => {
    expect((await podWith(30).find(1_000)).rate).toBeGreaterThan(20);
  });

  it('returns only what passed a full trial', async () => {
    expect((await podWith(300, 4_000).find(1_000)).rate).toBeLessThanOrEqual(300);
  });

  it('fails if nothing passes', async () => {
    await expect(podWith(0).find(1_000)).rejects.toThrow('no rate passes');
  });
});
