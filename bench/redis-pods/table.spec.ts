import { describe, expect, it } from 'vitest';
import { redisPodsTables } from './table.ts';

/** What pods cost, at so many µs for each publish. */
function sample(pods: number, cpu: number) {
  return { pods, idle: { cpu: cpu * 10 }, publish: { commands: 10.02, cpu } };
}

describe('what is published of pods on Redis', () => {
  it('is a row for each number of pods, with all set-ups beside each other', () => {
    const { pods } = redisPodsTables({
      date: '2026-11-29T10:00:00.000Z',
      machine: 'a CPU',
      setUps: [
        { title: 'one server', samples: [sample(1, 74.4), sample(20, 171.2)] },
        { title: 'Cluster of three', samples: [sample(1, 575.4)] },
      ],
    });
    const lines = pods.split('\n');
    expect(lines[0]).toBe('Measured: 29 November 2026, a CPU.');
    expect(lines.slice(-2)).toEqual(['| 1 | 10 | 74 | 744 | 10 | 575 | 5,754 |', '| 20 | 10 | 171 | 1,712 |  |  |  |']);
  });
});
