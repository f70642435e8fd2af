/** Formats a figure, with a fixed or a sensible number of digits. */
export function figure(value: number, fraction = digits(value)): string {
  const digitsAfterPoint = { minimumFractionDigits: fraction, maximumFractionDigits: fraction };
  // No sign of what is rounded to zero.
  return value.toLocaleString('en', { ...digitsAfterPoint, signDisplay: 'negative' });
}

export function digits(value: number): number {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}
