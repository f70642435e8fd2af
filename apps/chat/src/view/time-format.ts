const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayOfAnyYear = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

export function formatClock(time: number): string {
  return clock.format(time);
}

export function formatFull(time: number): string {
  return full.format(time);
}

/** "Today", "Yesterday", or the date, in the reader's language. */
export function formatDay(time: number, now = Date.now()): string {
  const days = calendarDay(time) - calendarDay(now);
  if (days === 0 || days === -1) return capitalize(relative.format(days, 'day'));
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayOfYear : dayOfAnyYear).format(time);
}

function capitalize(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

/** Counts calendar days in the reader's time zone, because days may have 23 or 25 hours. */
function calendarDay(time: number): number {
  const date = new Date(time);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;
}
