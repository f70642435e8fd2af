import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Group } from '../../../../charts/test/support/promtool-tests.ts';
import { monitoringOf } from './chart.ts';
import type { Fault } from './faults/fault.ts';
import { KAFKA_FAULTS } from './faults/kafka.ts';
import { MEMORY_FAULTS } from './faults/memory.ts';
import { NATS_FAULTS } from './faults/nats.ts';
import { REDIS_FAULTS } from './faults/redis.ts';
import { Load } from './load.ts';
import { keep, writeTable } from './page.ts';
import { Prometheus } from './prometheus.ts';
import { Release } from './release.ts';
import { shorten } from './shorten.ts';

/** A minute of a rule is a second here. */
const FACTOR = 60;
/** s for which Prometheus uses the latest sample of a series: 5 minutes by default. */
const LOOKBACK = 300 / FACTOR;

/** ms of traffic in which no alert may fire, before the fault. */
const HEALTHY = 15_000;
const FIRES_WITHIN = 180_000;
/** The slow alerts look back for 6 hours. */
const RESOLVES_WITHIN = 480_000;

const FAULTS = [...REDIS_FAULTS, ...NATS_FAULTS, ...KAFKA_FAULTS, ...MEMORY_FAULTS];

describe('the alerts', () => {
  const releases = new Map<string, Release>();
  /** The names of all alerts, without their pace. */
  let alerts: readonly string[];
  let prometheus: Prometheus;

  beforeAll(async () => {
    const rules: Record<string, Group[]> = {};
    for (const { name } of FAULTS) {
      releases.set(name, await Release.plan(name));
      const { groups } = await monitoringOf(name);
      alerts = groups.flatMap((group) =>
        group.rules.flatMap(({ alert, labels }) =>
          alert === undefined ? [] : [nameOf({ ...labels, alertname: alert })],
        ),
      );
      rules[name] = shorten(groups, FACTOR);
    }
    const targets = [...releases.values()].flatMap((release) => release.targets);
    prometheus = await Prometheus.start({ rules, targets, lookback: LOOKBACK });
  });

  afterAll(async () => {
    await Promise.all([...releases.values()].map(async (release) => release.close()));
    await prometheus?.close();
    await writeTable(FAULTS);
  });

  /** The alerts of a namespace that fire now. */
  async function firing(namespace: string): Promise<string[]> {
    const all = await prometheus.alerts(namespace);
    return all.filter(({ state }) => state === 'firing').map(({ labels }) => nameOf(labels));
  }

  /** Those that have fired, and when first: ms since the Unix epoch. */
  async function fired(namespace: string, from: number): Promise<Map<string, number>> {
    const series = await prometheus.range(
      `max by (alertname, burn) (ALERTS{namespace="${namespace}", alertstate="firing"})`,
      from,
      Date.now(),
      1,
    );
    return new Map(series.map(({ metric, values }) => [nameOf(metric), (values[0]?.[0] ?? 0) * 1_000]));
  }

  it.concurrent.for(FAULTS)('$name: $what', { timeout: 900_000 }, async (fault: Fault, { expect, onTestFinished }) => {
    const release = releases.get(fault.name);
    if (release === undefined) throw new Error(`${fault.name} was not planned`);
    const prepared = await fault.prepare((close) => onTestFinished(async () => void (await close())), release);
    onTestFinished(async () => release.stop());
    await release.install(prepared);
    const load = await Load.start(release.service.address, prepared.load);
    onTestFinished(async () => load.close());
    // Before the first pod was scraped, there was none.
    await expect.poll(async () => prometheus.alerts(fault.name), { timeout: 60_000 }).toEqual([]);
    const from = Date.now();
    await sleep(HEALTHY);
    expect([...(await fired(fault.name, from)).keys()]).toEqual([]);

    const begin = Date.now();
    await prepared.begin(release);
    await expect
      .poll(async () => [...(await fired(fault.name, begin)).keys()], { timeout: FIRES_WITHIN, interval: 1_000 })
      .toEqual(expect.arrayContaining([...fault.fires]));
    await prepared.end(release);
    const end = Date.now();
    await expect.poll(async () => firing(fault.name), { timeout: RESOLVES_WITHIN, interval: 1_000 }).toEqual([]);
    const resolvedAfter = Date.now() - end;
    const all = await fired(fault.name, from);
    expect([...all.keys()].toSorted(), release.output).toEqual(fault.fires.toSorted());
    const after = Object.fromEntries([...all].map(([alert, at]) => [alert, at - begin]));
    await keep({ fault: fault.name, after, resolvedAfter });
  });

  it('are each caused by a fault', ({ expect }) => {
    expect(new Set(FAULTS.flatMap(({ fires }) => fires))).toEqual(new Set(alerts));
  });
});

function nameOf({ alertname = '', burn }: Readonly<Record<string, string>>): string {
  return burn === undefined ? alertname : `${alertname} ${burn}`;
}
