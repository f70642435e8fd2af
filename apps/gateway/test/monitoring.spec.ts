import { readdir, readFile } from 'node:fs/promises';
import { LogBroker, MemoryBroker, type Broker, type BrokerStats } from '@holdfast/broadcast';
import type { Metric } from 'prom-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MemoryLog } from '../../../libs/broadcast/src/testing/memory-log/memory-log.js';
import { create } from '../src/app.js';
import { AppModule } from '../src/app.module.js';
import { Metrics } from '../src/metrics/metrics.js';
import { testConfig } from './support/gateway.js';

const FILES = new URL('../../../charts/holdfast/files/', import.meta.url);

/** Added by Prometheus and by histograms. */
const ADDED = ['namespace', 'pod', 'instance', 'job', 'le'];

interface Panel {
  readonly title?: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Expression {
  readonly place: string;
  readonly expr: string;
  /** The labels that a legend shows. */
  readonly shown: readonly string[];
}

/** A broker that has the metrics of PostgreSQL's. */
class FeedBroker extends MemoryBroker {
  override async stats(): Promise<BrokerStats> {
    const feed = { lag: 0, isNotified: true, entriesRead: 0, recordsRead: 0, entriesWritten: 0, recordsWritten: 0 };
    return { reconnects: 0, memory: undefined, log: undefined, feed };
  }
}

const BROKERS: readonly (() => Broker)[] = [
  () => new MemoryBroker(),
  () => new FeedBroker(),
  () => new LogBroker(new MemoryLog({ maxEntry: 1_000_000 }).connect()),
];

/** The series that a gateway exports with a broker, and their labels. */
async function exported(broker: Broker): Promise<[name: string, labels: readonly string[]][]> {
  const config = testConfig();
  const app = await create(config, AppModule.forRoot(config, [], { broker }));
  await app.init();
  const metrics = app.get(Metrics);
  metrics.collectProcess();
  const { registry } = metrics;
  // What `/metrics` describes, whether it has values yet or not.
  const types = [...(await registry.metrics()).matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  await app.close();
  return types.flatMap(([, name = '', type]) => {
    const { labelNames } = registry.getSingleMetric(name) as Metric & { readonly labelNames: readonly string[] };
    const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    return suffixes.map((suffix): [string, readonly string[]] => [`${name}${suffix}`, labelNames]);
  });
}

async function rules(): Promise<Expression[]> {
  const texts = await Promise.all(['alerts.yaml', 'slos.yaml'].map((file) => readFile(new URL(file, FILES), 'utf8')));
  const all = texts.flatMap((text) => parse(text) as Record<string, string>[]);
  return all.flatMap((rule) => {
    const shown = [...JSON.stringify(rule).matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    return ['expr', 'events', 'bad'].flatMap((key) =>
      rule[key] === undefined ? [] : { place: `${rule['alert']}, ${key}`, expr: rule[key], shown },
    );
  });
}

async function dashboards(): Promise<Expression[]> {
  const folder = new URL('dashboards/', FILES);
  const files = await readdir(folder);
  const all = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(new URL(file, folder), 'utf8')) as { panels: Panel[] }),
  );
  return all.flatMap(({ panels }, index) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({
        place: `${files[index]}, ${title}`,
        expr,
        shown: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
      })),
    ),
  );
}

describe('alerts, objectives and dashboards', () => {
  let known: Map<string, readonly string[]>;
  let expressions: Expression[];

  beforeAll(async () => {
    known = new Map((await Promise.all(BROKERS.map(async (broker) => exported(broker())))).flat());
    expressions = [...(await rules()), ...(await dashboards())];
  });

  it('are read', () => expect(expressions.length).toBeGreaterThan(80));

  it('use metrics that the gateway exports', () => {
    const unknown = expressions.flatMap(({ place, expr }) =>
      metricsIn(expr).flatMap((name) => (known.has(name) ? [] : `${place}: ${name}`)),
    );
    expect(unknown).toEqual([]);
  });

  it('use labels that these metrics have', () => {
    const unknown = expressions.flatMap(({ place, expr, shown }) => {
      // A pod's partitions, for example, have the label with some brokers only.
      const labels = new Set([...metricsIn(expr).flatMap((name) => known.get(name) ?? []), ...ADDED]);
      const used = [
        ...[...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/)),
        ...[...expr.matchAll(/\b(\w+)(?:=~|="|!=|!~)/g)].map(([, label = '']) => label),
        ...shown,
      ];
      // What is recorded has labels of its own.
      return expr.includes('holdfast:') ? [] : used.flatMap((label) => (labels.has(label) ? [] : `${place}: ${label}`));
    });
    expect(unknown).toEqual([]);
  });
});

function metricsIn(expr: string): string[] {
  return expr.match(/\b(?:holdfast|process|nodejs)_\w+/g) ?? [];
}
