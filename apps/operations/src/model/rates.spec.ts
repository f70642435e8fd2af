import { expect, it } from 'vitest';
import type { PodState } from '../api/answers.js';
import { Rates } from './rates.js';

function state(uptime: number, published: number, node = 'pod-1'): PodState {
  const totals = { framesIn: 2 * published, published, messagesOut: 3 * published };
  return { node, uptime, connections: 7, totals } as unknown as PodState;
}

function looksOf(...states: readonly PodState[]) {
  const sut = new Rates();
  for (const each of states) sut.add(each);
  return sut.looks;
}

it('are per second of the pod, whenever the page looks', () => {
  expect(looksOf(state(1_000, 0), state(2_000, 10), state(4_500, 60))).toEqual([
    { framesIn: 20, published: 10, messagesOut: 30, connections: 7 },
    { framesIn: 40, published: 20, messagesOut: 60, connections: 7 },
  ]);
});

it.each([
  ['one that has restarted', state(500, 1)],
  ['another pod', state(9_000, 1, 'pod-2')],
])('begin again with %s', (_what, next) => {
  expect(looksOf(state(1_000, 0), state(2_000, 10), next)).toEqual([]);
});

it('ignore the same state', () => {
  expect(looksOf(state(1_000, 0), state(1_000, 0))).toEqual([]);
});

it('are kept for a minute', () => {
  const looks = looksOf(...Array.from({ length: 100 }, (_, n) => state(1_000 * (n + 1), n * n)));
  expect(looks).toHaveLength(60);
  expect(looks.at(-1)?.published).toBe(99 * 99 - 98 * 98);
});
