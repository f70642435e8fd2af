import { describe, expect, it } from 'vitest';
import { apart, linesSvg, type Line } from './lines.ts';

const FRAME = { title: 'CPU', subtitle: 'a case', footer: 'a machine', unit: 'µs', of: 'channels' };

function line(title: string, costs: Record<number, number>, own = false): Line {
  const points = Object.entries(costs).map(([size, cost]) => ({
    size: Number(size),
    spread: { median: cost, min: cost, max: cost, rounds: 1 },
  }));
  return { title, own, points };
}

function polylines(svg: string): number[][][] {
  return [...svg.matchAll(/<polyline [^>]*points="([^"]*)"/g)].map(([, points = '']) =>
    points.split(' ').map((point) => point.split(',').map(Number)),
  );
}

describe('linesSvg', () => {
  it('has a point per size, on a logarithmic scale', () => {
    const [points = []] = polylines(linesSvg([line('a', { 1: 5, 100: 5, 10_000: 5 })], FRAME));
    const [first = 0, second = 0, third = 0] = points.map(([x]) => x ?? 0);
    expect(second - first).toBeGreaterThan(0);
    expect(third - second).toBeCloseTo(second - first, 0);
  });

  it('is level if the cost is constant, and higher if it grows', () => {
    const [points = []] = polylines(linesSvg([line('a', { 1: 5, 10: 5, 100: 6 })], FRAME));
    const [first, second, third] = points.map(([, y]) => y ?? 0);
    expect(second).toBe(first);
    expect(third).toBeLessThan(first ?? 0);
  });

  it('draws Holdfast on top, and distinguishes the others by dashes', () => {
    const svg = linesSvg(
      [line('Holdfast', { 1: 1, 2: 1 }, true), line('a', { 1: 2, 2: 2 }), line('b', { 1: 3 })],
      FRAME,
    );
    const found = [...svg.matchAll(/<polyline class="line( own)?"( stroke-dasharray="[^"]*")?/g)];
    expect(found.map(([, own]) => own !== undefined)).toEqual([false, false, true]);
    expect(found.filter(([, , dashes]) => dashes !== undefined)).toHaveLength(1);
  });

  it('is a valid plot without any figures', () => {
    expect(linesSvg([line('a', {})], FRAME)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('apart', () => {
  it('does not move positions that are far enough apart', () => {
    expect(apart([10, 100, 50])).toEqual([10, 100, 50]);
  });

  it('moves overlapping positions up, in order', () => {
    expect(apart([100, 99, 95])).toEqual([100, 84, 68]);
  });
});
