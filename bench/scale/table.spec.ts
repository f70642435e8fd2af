import { describe, expect, it } from 'vitest';
import type { Outcome } from './model/scenarios.ts';
import { checkTable, scaleTables, scenarioOf } from './table.ts';

const SECOND = { unanswered: 0, redisCpu: 0, redisWait: 0, podWait: 0, away: 0 };
const OUTCOME: Outcome = {
  name: 'zone',
  seconds: [
    { ...SECOND, accepted: 37_664, busiest: 1_000, refused: 20, redisCommands: 5 },
    { ...SECOND, accepted: 100, busiest: 1_215, refused: 3, redisCommands: 1_011_697 },
  ],
  lost: 340_000,
  half: 9.7,
  most: 28,
  last: 75,
  subscribed: 76.4,
  away: 0,
  unsubscribed: 0,
  movesPerClient: 0.34,
  redisWait: 1_871,
  podWait: 0,
  redisDownAt: undefined,
};

/** The last row of the table. */
function rowOf(...scenario: Parameters<typeof scenarioOf>): string | undefined {
  // As it is read from the file.
  const simulation = { date: '2026-11-29', seed: 1, scenarios: [scenarioOf(...scenario)] };
  const text = JSON.stringify({ simulation, check: { date: '2026-11-29', faults: [] } });
  return scaleTables(JSON.parse(text)).scenarios.split('\n').at(-1);
}

describe('what is published of the simulation', () => {
  it('is a row for each scenario, with the busiest seconds', () => {
    expect(rowOf('a zone', OUTCOME)).toBe(
      '| a zone | 10, 28, 75 s | 76 s | 37,664, 1,215 | 23 | 1,011,697 | 1,871 ms | 0.34 |',
    );
  });

  it('has what fails in bold', () => {
    const failed = { ...OUTCOME, subscribed: NaN, unsubscribed: 307_564, redisWait: 220_000 };
    expect(rowOf('a zone', failed)).toBe(
      '| a zone | 10, 28, 75 s | **never: 307,564 wait** | 37,664, 1,215 | 23 | 1,011,697 | **220 s** | 0.34 |',
    );
  });

  it('has no moved clients after a failover of Redis', () => {
    const { name, seconds, half, most, last } = OUTCOME;
    const failover = { name, seconds, half, most, last, restored: 86, redisWait: 625, isTooLate: false };
    expect(rowOf('Redis', failover)).toBe('| Redis | 10, 28, 75 s | 86 s |  |  | 1,011,697 | 625 ms |  |');
  });
});

it('the comparison with reality has what differs by more than a fifth in bold', () => {
  const table = checkTable([{ fault: 'kill -9', model: [1.4, 8.9, 14.7], measured: [8, 10.23, 13] }]);
  expect(table.split('\n').at(-1)).toBe('| kill -9 | 1.4, 8.9, 14.7 s | **8.0**, 10.2, 13.0 s |');
});
