/** A date as pages write it, such as 24 November 2026; without a day, the month. */
export function day(date: string): string {
  const month = { month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return new Date(date).toLocaleDateString('en-GB', date.length > 7 ? { day: 'numeric', ...month } : month);
}
