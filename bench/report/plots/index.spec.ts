import { expect, it } from 'vitest';
import type { CaseResult, Results } from '../../run.ts';
import type { ServerName } from '../../servers/server.ts';
import { plots } from './index.ts';
import { escapeXml } from './svg.ts';

function result(name: string, metrics: CaseResult['metrics'], servers: readonly ServerName[]): CaseResult {
  const values = Object.fromEntries(metrics.map(({ key }) => [key, 1]));
  const samples = servers.map((server) => ({ server, round: 0, sample: { values } }));
  return { name, title: 'a < b & "c"', metrics, targets: [], samples, failures: [] };
}

function results(...cases: CaseResult[]): Results {
  return {
    machine: { cpu: 'a CPU', kernel: '6', arch: 'x64', node: 'v26' },
    date: '2026-01-02T03:04:05.678Z',
    quick: false,
    titles: { holdfast: 'Holdfast', ws: '<ws>', centrifuge: 'Centrifuge' },
    unavailable: {},
    cases,
  };
}

const METRICS = [
  { key: 'cpu', title: 'CPU', unit: 'µs' },
  { key: 'p99', title: 'latency', unit: 'ms' },
  { key: 'memory', title: 'RSS', unit: 'KB' },
];

const GROWTH = [
  { key: 'cpu-1', title: 'CPU at 1', unit: 'µs' },
  { key: 'cpu-10', title: 'CPU at 10', unit: 'µs' },
];

it('creates a plot per metric of CPU and memory, and one for all sizes of a growth case', () => {
  const found = plots(results(result('hot', METRICS, ['holdfast']), result('growth-channels', GROWTH, ['holdfast'])));
  expect(found.map(({ file }) => file)).toEqual(['hot-cpu.svg', 'hot-memory.svg', 'growth-channels.svg']);
});

it('creates no plot for an omitted case', () => {
  expect(plots(results(result('hot', METRICS, [])))).toEqual([]);
});

it('has the servers in the listed order', () => {
  const [{ svg } = { svg: '' }] = plots(results(result('hot', METRICS, ['centrifuge', 'ws', 'holdfast'])));
  const places = ['>Holdfast<', '>&lt;ws&gt;<', '>Centrifuge<'].map((title) => svg.indexOf(title));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

it('includes a failed server, but not one that was not measured', () => {
  const failed = result('hot', METRICS, ['holdfast']);
  failed.failures.push({ server: 'ws', round: 0, error: '' });
  const [{ svg } = { svg: '' }] = plots(results(failed));
  expect(svg).toContain('>failed<');
  expect(svg).not.toContain('Centrifuge');
});

it('omits values that are not numbers, which are null in a file', () => {
  const unknown = result('growth-channels', GROWTH, ['holdfast']);
  const values = { 'cpu-1': 1, 'cpu-10': null as unknown as number };
  unknown.samples.push({ server: 'ws', round: 0, sample: { values } });
  const [{ svg } = { svg: '' }] = plots(results(unknown));
  expect(svg).not.toMatch(/NaN|null/);
  expect(svg.match(/<circle/g)).toHaveLength(3);
});

it('escapes titles in the text and in attributes', () => {
  for (const { svg } of plots(results(result('hot', METRICS, ['ws'])))) {
    expect(svg).toContain(', less is better: a &lt; b &amp; &quot;c&quot;">');
    expect(svg).toContain('>a &lt; b &amp; &quot;c&quot;<');
    expect(svg).not.toContain('<ws>');
  }
  expect(escapeXml('&lt;')).toBe('&amp;lt;');
});
