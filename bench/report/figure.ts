import type { Spread } from './ratios.ts';

/** Formats a figure, with a fixed or a sensible number of digits. */
export function figure(value: number, fraction = digits(value)): string {
  const digitsAfterPoint = { minimumFractionDigits: fraction, maximumFractionDigits: fraction };
  // No sign of what is rounded to zero.
  return value.toLocaleString('en', { ...digitsAfterPoint, signDisplay: 'negative' });
}

export function digits(value: number): number {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}

/** Formats a median, with the lowest and highest of several rounds. */
export function spreadFigure({ median, min, max, rounds }: Spread, fraction: number): string {
  const format = (value: number): string => figure(value, fraction);
  return rounds === 1 ? format(median) : `${format(median)} (${format(min)}–${format(max)})`;
}
