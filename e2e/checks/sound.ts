import { expect } from 'vitest';
import type { Verdict } from '../load/verdict.js';

/** Asserts what must hold in every run. The examples explain the numbers. */
export function expectSound(verdict: Verdict): void {
  const { lost, duplicated, misordered, wrong, behind, disconnected, unsound, examples } = verdict;
  expect({ lost, duplicated, misordered, wrong, behind, disconnected, unsound, examples }).toEqual({
    lost: 0,
    duplicated: 0,
    misordered: 0,
    wrong: 0,
    behind: 0,
    disconnected: 0,
    unsound: 0,
    examples: [],
  });
  expect(verdict.delivered).toBeGreaterThan(0);
}
