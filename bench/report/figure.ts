/** A figure for people: with so many digits after the point, or with as many as are worth reading. */
export function figure(value: number, fraction = digits(value)): string {
  return value.toLocaleString('en', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

export function digits(value: number): number {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}
