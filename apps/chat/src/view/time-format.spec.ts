import { describe, expect, it } from 'vitest';
import { formatDay } from './time-format.js';

const now = new Date(2025, 2, 31, 0, 30).getTime();

describe('formatDay', () => {
  it('uses the calendar for today and yesterday, not hours', () => {
    const today = formatDay(now, now);
    const yesterday = formatDay(new Date(2025, 2, 30, 23, 59).getTime(), now);
    expect(yesterday).not.toBe(today);
    // A day with 23 hours in much of Europe.
    expect(formatDay(new Date(2025, 2, 30, 0, 1).getTime(), now)).toBe(yesterday);
  });

  it('shows the date of other days, with the year if it differs', () => {
    expect(formatDay(new Date(2025, 0, 5).getTime(), now)).not.toContain('2025');
    expect(formatDay(new Date(2024, 11, 31).getTime(), now)).toContain('2024');
  });

  it('shows the date of tomorrow, which occurs if another clock is ahead', () => {
    expect(formatDay(new Date(2025, 3, 1, 12).getTime(), now)).toContain('1');
  });
});
