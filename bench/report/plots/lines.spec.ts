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
  it('has a point for each size, as far apart as their ratio', () => {
    const [points = []] = polylines(linesSvg([line('a', { 1: 5, 100: 5, 10_000: 5 })], FRAME));
    const [first = 0, second = 0, third = 0] = points.map(([x]) => x ?? 0);
    expect(second - first).toBeGreaterThan(0);
    expect(third - second).toBeCloseTo(second - first, 0);
  });

  it('is level where the cost is, and higher where it is more', () => {
    const [points = []] = polylines(linesSvg([line('a', { 1: 5, 10: 5, 100: 6 })], FRAME));
    const [first, second, third] = points.map(([, y]) => y ?? 0);
    expect(second).toBe(first);
    expect(third).toBeLessThan(first ?? 0);
  });

  it('has Holdfast on top, and tells the others apart by their dashes', () => {
    const svg = linesSvg(
      [line('Holdfast', { 1: 1, 2: 1 }, true), line('a', { 1: 2, 2: 2 }), line('b', { 1: 3 })],
      FRAME,
    );
    const found = [...svg.matchAll(/<polyline class="line( own)?"( stroke-dasharray="[^"]*")?/g)];
    expect(found.map(([, own]) => own !== undefined)).toEqual([false, false, true]);
    expect(found.filter(([, , dashes]) => dashes !== undefined)).toHaveLength(1);
  });

  it('is a drawing also without any figure', () => {
    expect(linesSvg([line('a', {})], FRAME)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('apart', () => {
  it('leaves those alone that are far enough from each other', () => {
    expect(apart([10, 100, 50])).toEqual([10, 100, 50]);
  });

  it('moves up those that would be on each other, in their order', () => {
    expect(apart([100, 99, 95])).toEqual([100, 84, 68]);
  });
});
