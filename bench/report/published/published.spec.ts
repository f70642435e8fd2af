import { describe, expect, it } from 'vitest';
import { CASES } from '../../cases/index.ts';
import type { CaseResult, Results } from '../../run.ts';
import { publishedOf } from './results.ts';
import { publishedTables } from './tables.ts';

/** A run of everything in which every server measures the same, except what is given. */
function run(values: Readonly<Record<string, readonly number[]>> = {}): Results {
  const cases = CASES.map(({ name, title, metrics, targets, servers, maxRounds = 3 }): CaseResult => {
    const samples = servers.flatMap((server) =>
      Array.from({ length: maxRounds }, (_, round) => ({
        server,
        round,
        sample: {
          values: Object.fromEntries(
            metrics.map(({ key }) => [key, values[`${name} ${key} ${server}`]?.[round] ?? 10]),
          ),
        },
      })),
    );
    return { name, title, metrics, targets, samples, failures: [] };
  });
  return {
    machine: { cpu: 'a CPU', kernel: '6.18.5+', arch: 'x64', node: 'v26.10.0' },
    date: '2026-11-24T10:00:00.000Z',
    quick: false,
    titles: {},
    unavailable: {},
    cases,
  };
}

/** The cells of a row. */
function row(tables: string, start: string): string[] | undefined {
  const found = tables.split('\n').find((line) => line.startsWith(`| ${start} |`));
  return found?.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
}

describe('what is published of a run', () => {
  it('is the median of the rounds, with the ratios within rounds', () => {
    const tables = publishedTables(
      publishedOf(
        run({ 'hot cpu holdfast': [1, 2, 1.234], 'hot cpu centrifuge': [5, 20, 5], 'hot cpu ws': [5, 6, 7] }),
      ),
    );
    expect(tables).toContain('on 24 November 2026. Node 26.10, two cores of a CPU, Linux 6.18;');
    expect(row(tables, 'Holdfast')?.[2]).toBe('1.2 µs');
    expect(row(tables, '`ws` loop')?.[2]).toBe('6.0 µs');
    expect(row(tables, 'hot channel, 1,000/s × 200 subscribers: CPU per delivery')).toEqual([
      'hot channel, 1,000/s × 200 subscribers: CPU per delivery',
      '÷ Centrifuge',
      '0.20 (0.10–0.25)',
      '≤ 0.3',
      'met',
    ]);
  });

  it('compares with the best of all peers, and says which that is', () => {
    const tables = publishedTables(
      publishedOf(run({ 'direct throughput ws': [20, 20, 20], 'direct throughput nest': [15, 15, 15] })),
    );
    expect(row(tables, 'saturated, direct messages')?.slice(1)).toEqual([
      '÷ best of all peers, `ws` loop',
      '0.50 (0.50–0.50)',
      '> 1',
      'missed',
    ]);
  });

  it('shows the growth of the other servers beside that of Holdfast', () => {
    const tables = publishedTables(
      publishedOf(run({ 'growth-subscribers cpu-10000 holdfast': [14], 'growth-subscribers cpu-10000 floor': [20] })),
    );
    expect(row(tables, 'cost per delivery, 100 → 10,000 subscribers')?.slice(2)).toEqual([
      '1.40 (Centrifuge: 1.0, C: 2.0)',
      '≤ 1.5',
      'met',
    ]);
  });

  it('is refused if a case is missing', () => {
    const { cases, ...rest } = run();
    const partial = publishedOf({ ...rest, cases: cases.filter(({ name }) => name !== 'connect') });
    expect(() => publishedTables(partial)).toThrow('the results have no ratio for connect, cpu');
  });
});
