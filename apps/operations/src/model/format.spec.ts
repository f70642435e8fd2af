import { expect, it } from 'vitest';
import { formatAge, formatBytes, formatCount, formatMs, formatRate, formatTime } from './format.js';

it.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [61_000, '1 min 1 s'],
  [3_720_000, '1 h 2 min'],
  [90_000_000, '1 d 1 h'],
])('%d ms are %s', (ms, text) => expect(formatAge(ms)).toBe(text));

it.each([
  [3.4, '3 ms'],
  [9_500, '9,500 ms'],
  [75_000, '1 min 15 s'],
])('a lag of %d ms is %s', (ms, text) => expect(formatMs(ms)).toBe(text));

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_536, '1.5 KiB'],
  [65_536, '64 KiB'],
  [268_435_456, '256 MiB'],
  [1_073_741_824, '1.0 GiB'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [0, '0'],
  [12_345, '12,345'],
  [12_345_678, '12.3M'],
])('%d are %s', (count, text) => expect(formatCount(count)).toBe(text));

it.each([
  [0, '0/s'],
  [0.25, '0.3/s'],
  [1_234.4, '1,234/s'],
])('%d per second are %s', (rate, text) => expect(formatRate(rate)).toBe(text));

it('times are in UTC, and what is not a time is not shown', () => {
  expect(formatTime(1_767_225_600_000)).toBe('2026-01-01 00:00:00Z');
  expect(formatTime(Number.NaN)).toBe('');
});
