import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BROKER } from '../faults/broker.js';
import { CRASHES } from '../faults/crashes.js';
import { ENVIRONMENT } from '../faults/environment.js';
import { ingressFaults } from '../faults/ingress-controllers.js';
import { NODES } from '../faults/nodes.js';
import { ROLLOUTS } from '../faults/rollouts.js';
import { SCALING } from '../faults/scaling.js';
import { failover } from '../faults/sentinel.js';
import { judge } from '../load/verdict.js';
import { measuredFault, type MeasuredFault } from '../report/measured.js';
import { faultTables, publishedFaults, type PublishedFaults } from '../report/published.js';
import type { FaultRecord } from '../report/records.js';
import type { IngressClass } from '../support/ingress-classes.js';
import type { SentinelSetUp } from '../support/sentinel.js';

const FORMER: PublishedFaults = { about: '', faults: [], brokers: [] };

type Verdict = FaultRecord['report']['verdict'];

/** What a run's report has of a fault. */
function measured(fault: string, changes: Partial<Verdict> = {}): MeasuredFault {
  const from = Date.UTC(2026, 10, 29, 10);
  const verdict = { ...judge([], [], { from, to: from + 1 }), clients: 1_000, ...changes };
  const report = { from, verdict, duration: 1, loopDelay: 0, burst: 0, timeline: [] };
  const publishers = { answers: {}, failedFirst: {}, slowestAnswer: 0 };
  return measuredFault({ fault, cost: 'nothing', from: 0, to: 1, report: { ...report, publishers } });
}

const latency = (max: number): Partial<Verdict> => ({ latency: { p50: 2.4, p99: 10, max } });

describe('what is published of a run with faults', () => {
  it('replaces the rows of its faults, and adds new ones', () => {
    const first = publishedFaults([measured('one', latency(1)), measured('two', latency(2))], FORMER);
    const second = publishedFaults([measured('three', latency(3)), measured('one', latency(4))], first);
    expect(second.faults.map(({ fault, date, verdict }) => [fault, date, verdict.latency.max])).toEqual([
      ['one', '2026-11-29', 4],
      ['two', '2026-11-29', 2],
      ['three', '2026-11-29', 3],
    ]);
  });

  it('is a row of counts, interruptions and latencies', () => {
    const row = measured('a fault', {
      acknowledged: 828,
      lost: 1,
      duplicated: 2,
      misordered: 3,
      reportedLost: 4,
      clientsWithGaps: 1_000,
      interruption: {
        library: { clients: 285, p50: 0, p99: 500, max: 513.4 },
        plain: { clients: 97, p50: 4, p99: 12, max: 13 },
      },
      moves: { mean: 0.314, max: 2 },
      ...latency(528),
    });
    expect(
      faultTables(publishedFaults([row], FORMER))
        .faults?.split('\n')
        .at(-1),
    ).toBe(
      '| a fault | 828 | 1 | 2 | 3 | 4, a gap reported to 1000 of 1000 clients | 285 clients, at most 513 ms | ' +
        '97 clients, half of all 4 ms or more, at most 13 ms | 0.31 | 2 / 10 / 528 ms |',
    );
  });

  it('has the faults on brokers in a table of their own, without PostgreSQL, which has no log', () => {
    const kill = "kill −9 of a gateway's process";
    const run = ['Kafka', 'NATS', 'PostgreSQL'].map((broker) => measured(`${broker}: ${kill}`, latency(14_120)));
    const published = publishedFaults(run, FORMER);
    expect(published.faults).toEqual([]);
    expect(published.brokers.map(({ fault }) => fault)).toEqual([`Kafka: ${kill}`, `NATS: ${kill}`]);
    const row = faultTables(published)
      .brokers.split('\n')
      .find((line) => line.startsWith(`| ${kill} `));
    expect(row).toBe(`| ${kill} | a third of the clients is disconnected | 14.1 s |  | 14.1 s |`);
  });

  it('has only faults that the suites inject', () => {
    const results = new URL('../../docs/resilience/results.json', import.meta.url);
    const { faults } = JSON.parse(readFileSync(results, 'utf8')) as PublishedFaults;
    const classes = (['traefik', 'ingress-nginx'] as const).map((server) => ({ server }) as IngressClass);
    const injected = [
      ...ROLLOUTS,
      ...CRASHES,
      ...NODES,
      ...BROKER,
      ...ingressFaults(classes),
      ...ENVIRONMENT,
      ...SCALING,
    ];
    const sentinels = { url: (): string => '' } as unknown as SentinelSetUp;
    const failovers = [0, 1].map((wait) => failover(sentinels, wait));
    const names = new Set([...injected, ...failovers].map(({ name }) => name));
    expect(faults.map(({ fault }) => fault).filter((fault) => !names.has(fault))).toEqual([]);
  });
});
