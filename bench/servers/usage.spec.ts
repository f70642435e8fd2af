import { expect, it } from 'vitest';
import { cpuTicks } from './usage.ts';

it('counts user and system time, whatever the name of the program', () => {
  const stat = '42 (a) b (c)) S 1 42 42 0 -1 4194560 500 0 0 0 120 34 7 8 20 0 11 0 100 1000 200';
  expect(cpuTicks(stat)).toBe(154);
});
