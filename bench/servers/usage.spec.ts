import { expect, it } from 'vitest';
import { coreTicks, cpuTicks } from './usage.ts';

it('counts user and system time, for any name of the program', () => {
  const stat = '42 (a) b (c)) S 1 42 42 0 -1 4194560 500 0 0 0 120 34 7 8 20 0 11 0 100 1000 200';
  expect(cpuTicks(stat)).toBe(154);
});

it('counts busy time, but not waiting', () => {
  const stat = 'cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 4 1000 1000 8 16 32 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\n';
  expect(coreTicks(stat, 0)).toBe(63);
  expect(() => coreTicks(stat, 7)).toThrow('core 7');
});
