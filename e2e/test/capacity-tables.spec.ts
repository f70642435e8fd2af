import { describe, expect, it } from 'vitest';
import type { Capacity } from '../capacity/capacity.js';
import { capacityTables } from '../capacity/tables.js';

const throughput = { clients: 1_000, memoryLimit: 256, p50: 4.4, p99: 87.6, cpu: 0.493, generator: 0.3 };
const start = { visits: 700, warmUpMs: 2_040, p50: 40, p99: 90, laterConnects: 300, laterPublishes: 200 };

const CAPACITY: Capacity = {
  date: '2026-11-29',
  node: '26.10',
  machine: '2 cores of a CPU, Linux 6.18',
  filling: {
    perSecond: 200,
    accepted: 5_714,
    refusals: { 503: 686, reconnect: 2 },
    lost: [],
    memory: 138.6,
    memoryLimit: 256,
    cpu: 0.196,
  },
  throughput: [
    { ...throughput, subscribers: 1, messages: 6_250 },
    { ...throughput, subscribers: 100, messages: 437 },
  ],
  starts: [
    { ...start, firstConnects: 390, firstPublishes: 300 },
    { ...start, firstConnects: 330, firstPublishes: 310, visits: 650 },
    { ...start, firstConnects: 360, firstPublishes: 260 },
  ],
};

function cells(row: string): string[] {
  const line = capacityTables(CAPACITY)
    .split('\n')
    .find((each) => each.startsWith(`| ${row} |`));
  return (line ?? '').split('|').map((cell) => cell.trim());
}

describe('what the documentation says about a pod', () => {
  it('says how many clients it accepted, and how it refused the others', () => {
    const text = capacityTables(CAPACITY);
    expect(text).toContain('One run on 29 November 2026: Node 26.10, 2 cores of a CPU, Linux 6.18,');
    expect(text).toContain(
      'accepted 5,714, and refused the others: `503` (686), `reconnect` (2). Nobody who was accepted',
    );
  });

  it('says so if clients that it had accepted lost their connection', () => {
    const filling = { ...CAPACITY.filling, lost: ['the connection was closed'] };
    expect(capacityTables({ ...CAPACITY, filling })).toContain('1 of those that were accepted lost the connection.');
  });

  it('has a row of messages in time for each number of clients', () => {
    const direct = ['6,250/s', '4, 88 ms', '49 %'];
    expect(cells('1,000')).toEqual(['', '1,000', '256 MiB', ...direct, '437/s', '43,700/s', '4, 88 ms', '49 %', '']);
    expect(() => capacityTables({ ...CAPACITY, throughput: CAPACITY.throughput.slice(1) })).toThrow('both kinds');
  });

  it('says so if messages were not measured yet', () => {
    const [without, complete] = [capacityTables({ ...CAPACITY, throughput: [] }), capacityTables(CAPACITY)];
    expect([without.includes('not measured yet'), without.includes('Messages in time')]).toEqual([true, false]);
    expect([complete.includes('not measured yet'), complete.includes('Messages in time')]).toEqual([false, true]);
  });

  it('has the medians of the rollouts, and the ratios within each', () => {
    expect(cells('visits of the warm-up')[2]).toBe('700 (650–700)');
    expect(cells('CPU of a connect, of 2,000').slice(2, 5)).toEqual([
      '360 (330–390) µs',
      '300 (300–300) µs',
      '1.20 (1.10–1.30)',
    ]);
  });
});
