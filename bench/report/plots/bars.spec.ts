import { expect, it } from 'vitest';
import type { Spread } from '../ratios.ts';
import { barsSvg, type Bar } from './bars.ts';

const FRAME = { title: 'CPU', subtitle: 'a case', footer: 'a machine', unit: 'µs' };

function bar(title: string, spread: Spread | undefined, own = false): Bar {
  return { title, own, spread };
}

function once(median: number): Spread {
  return { median, min: median, max: median, rounds: 1 };
}

function rects(svg: string): { own: boolean; x: number; width: number }[] {
  return [...svg.matchAll(/<rect class="bar( own)?" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)].map(
    ([, own, x, width]) => ({ own: own !== undefined, x: Number(x), width: Number(width) }),
  );
}

it('has a bar per server, as long as its median, with another colour for Holdfast', () => {
  const found = rects(barsSvg([bar('Holdfast', once(2), true), bar('a', once(8)), bar('b', once(4))], FRAME));
  expect(found.map(({ own }) => own)).toEqual([true, false, false]);
  const [first, second, third] = found.map(({ width }) => width);
  expect(second).toBeCloseTo(4 * (first ?? 0), 0);
  expect(third).toBeCloseTo(2 * (first ?? 0), 0);
});

it('has a whisker from the lowest to the highest, on the scale of the bars', () => {
  const svg = barsSvg([bar('a', { median: 5, min: 2, max: 10, rounds: 3 })], FRAME);
  const [{ x, width } = { x: 0, width: 0 }] = rects(svg);
  const [, low, high] = /class="whisker" d="M([\d.]+),.*?H([\d.]+)M/.exec(svg) ?? [];
  expect(Number(low) - x).toBeCloseTo((width / 5) * 2, 0);
  expect(Number(high) - x).toBeCloseTo((width / 5) * 10, 0);
});

it('has no whisker for a single round', () => {
  expect(barsSvg([bar('a', once(5))], FRAME)).not.toContain('<path class="whisker"');
});

it('has the figure with its unit', () => {
  expect(barsSvg([bar('a', once(1234))], FRAME)).toContain('>1,234 µs<');
});

it('names a failed server instead of a bar', () => {
  const svg = barsSvg([bar('a', once(5)), bar('b', undefined)], FRAME);
  expect(rects(svg)).toHaveLength(1);
  expect(svg).toContain('>failed<');
});
