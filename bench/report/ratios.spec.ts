import { describe, expect, it } from 'vitest';
import type { CaseResult } from '../run.ts';
import type { ServerName } from '../servers/server.ts';
import { ratio, spread } from './ratios.ts';

function result(values: Partial<Record<ServerName, (number | undefined)[]>>): CaseResult {
  const samples = Object.entries(values).flatMap(([server, rounds]) =>
    rounds.flatMap((value, round) =>
      value === undefined
        ? []
        : [{ server: server as ServerName, round, sample: { values: { cpu: value, rate: value } } }],
    ),
  );
  return {
    name: 'case',
    title: '',
    metrics: [
      { key: 'cpu', title: 'CPU', unit: 'µs' },
      { key: 'rate', title: 'rate', unit: '/s', moreIsBetter: true },
    ],
    targets: [],
    samples,
    failures: [],
  };
}

describe('ratio', () => {
  it('compares within each round', () => {
    // In the second round the machine was twice as slow.
    const found = ratio(result({ holdfast: [1, 2, 1], ws: [2, 4, 2] }), { metric: 'cpu', of: 'ws', bound: 0.5 });
    expect(found).toMatchObject({ median: 0.5, min: 0.5, max: 0.5, rounds: 3, met: true });
  });

  it('omits rounds in which one of them failed', () => {
    const found = ratio(result({ holdfast: [1, undefined, 3], ws: [undefined, 1, 2] }), {
      metric: 'cpu',
      of: 'ws',
      bound: 1,
    });
    expect(found).toMatchObject({ median: 1.5, rounds: 1, met: false });
  });

  it('has a minimum if more is better', () => {
    const samples = result({ holdfast: [3], ws: [2] });
    expect(ratio(samples, { metric: 'rate', of: 'ws', bound: 1 })?.met).toBe(true);
    expect(ratio(samples, { metric: 'cpu', of: 'ws', bound: 1 })?.met).toBe(false);
  });

  it('compares two metrics of one server if the target says so', () => {
    const found = ratio(result({ holdfast: [3] }), { metric: 'cpu', ofMetric: 'rate', bound: 1 });
    expect(found).toMatchObject({ median: 1, met: true });
  });

  it('is undefined without the other server', () => {
    expect(ratio(result({ holdfast: [3] }), { metric: 'cpu', of: 'ws', bound: 1 })).toBeUndefined();
  });
});

describe('spread', () => {
  it('is the median with both extremes, in any order of rounds', () => {
    expect(spread(result({ ws: [5, 1, 3] }), 'ws', 'cpu')).toEqual({ median: 3, min: 1, max: 5, rounds: 3 });
  });
});
