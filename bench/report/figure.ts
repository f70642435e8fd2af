/** Formats a figure, with a fixed or a sensible number of digits. */
export function figure(value: number, fraction = digits(value)): string {
  return value.toLocaleString('en', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

export function digits(value: number): number {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}
