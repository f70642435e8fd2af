import { setTimeout as sleep } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { injectFault } from '../support/inject.js';
import { Load } from '../support/load.js';
import { monitoringOf, selectorsIn, withVariables, type Monitoring } from '../support/monitoring.js';
import { Namespace } from '../support/namespace.js';
import { Prometheus } from '../support/prometheus.js';
import { Release } from '../support/release.js';

const REDIS = 'holdfast-redis';
const CLIENTS = 40;

/** Series that do not exist in a release with Redis that does nothing wrong. */
const NOT_WITH_REDIS =
  /^holdfast_broker_(window|partition|lag|snapshot|entries|records|interruptions|digests|log_losses|history|notified)_?/;
/** They have a label, and exist only since something was refused or closed. */
const ONLY_IN_A_FAULT =
  /^holdfast_(refused_\w+|bad_frames|limited|closes|broker_input_rejected|plain_messages_refused)_total/;
const ONLY_WITH_WEBHOOKS = /^holdfast_(authorizations|rpcs|events)_total/;
const MAY_BE_MISSING = [NOT_WITH_REDIS, ONLY_IN_A_FAULT, ONLY_WITH_WEBHOOKS];

function mayBeMissing(expr: string): boolean {
  const metrics = selectorsIn(expr).map((selector) => selector.replace(/\{.*/s, ''));
  return metrics.every((metric) => MAY_BE_MISSING.some((known) => known.test(metric)));
}

/** Expressions in one query, whose URL must not become too long. */
const AT_ONCE = 20;

/** The time in which a fault that is no reason for an alert must not cause one: `for` of the alerts is not longer, but for HoldfastAbsent's. */
const SILENT_SECONDS = 20;

describe.skipIf(process.env['E2E_PROMETHEUS'] !== '1')('rules and dashboards in Prometheus', () => {
  let namespace: Namespace;
  let release: Release;
  let prometheus: Prometheus;
  let monitoring: Monitoring;
  let load: Load;

  beforeAll(async () => {
    namespace = await Namespace.create(Cluster.connect(), 'prometheus-rules');
    release = new Release(namespace);
    await release.apply({
      replicaCount: 2,
      timeouts: { preStop: 2, settle: 3, drain: 8, margin: 3 },
      probes: { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } },
    });
    monitoring = await monitoringOf(release);
    prometheus = await Prometheus.start(namespace, { rules: stringify({ groups: monitoring.groups }) });
    const { spec } = await release.createService('e2e', 'NodePort');
    const [node] = (await namespace.cluster.nodes()).values();
    const host = `${node}:${spec?.ports?.[0]?.nodePort}`;
    load = await eventually(async () =>
      Load.open({
        groups: [{ kind: 'library', count: CLIENTS, url: `ws://${host}/ws`, cookies: false }],
        channels: 8,
        publishers: 2,
        rate: 20,
        api: `http://${host}/api`,
        apiKey: await release.secret('api-keys'),
        jwtSecret: await release.secret('jwt-secret'),
        clockOffset: 0,
      }),
    );
    await load.begin();
    await load.goesOn(200);
  });

  afterAll(async () => {
    load?.kill();
    await namespace?.remove();
  });

  beforeEach(() => namespace.collectOnFailure());

  const valueOf = async (expr: string): Promise<number | undefined> => (await prometheus.query(expr))[0]?.value;

  /** The alerts that have fired in the last seconds. */
  async function fired(seconds: number): Promise<string[]> {
    const results = await prometheus.query(
      `count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[${seconds}s]))`,
    );
    return results.map(({ metric }) => metric['alertname'] ?? '').toSorted();
  }

  /** Resolves when an alert fires. @returns after how many seconds. */
  async function untilFires(alert: string, since: number): Promise<number> {
    await vi.waitFor(
      async () => expect(await valueOf(`count(ALERTS{alertname="${alert}", alertstate="firing"})`)).toBeGreaterThan(0),
      { timeout: 200_000, interval: 500 },
    );
    return Math.round((Date.now() - since) / 1_000);
  }

  it('every series of the rules, and every panel, has data under load, except for those of faults and other brokers', async () => {
    const [pod] = await release.podNames();
    const variables = { namespace: namespace.name, deployment: release.name, pod: pod ?? '', __rate_interval: '1m' };
    const places = new Map<string, string>();
    for (const { alert, record, expr } of monitoring.rules) {
      for (const selector of selectorsIn(expr)) places.set(selector, alert ?? record ?? '');
    }
    for (const { place, expr } of monitoring.panels) places.set(withVariables(expr, variables), place);
    expect(places.size).toBeGreaterThan(80);
    const expressions = [...places.keys()].filter((expr) => !mayBeMissing(expr));
    for (let start = 0; start < expressions.length; start += AT_ONCE) {
      const chunk = Object.fromEntries(expressions.slice(start, start + AT_ONCE).entries());
      // A scrape may have failed on a busy machine.
      await eventually(async () => {
        const found = await prometheus.withResults(chunk);
        const missing = Object.entries(chunk).filter(([index]) => !found.includes(index));
        expect(missing.map(([, expr]) => `${places.get(expr)}: ${expr}`)).toEqual([]);
      });
    }
    expect(await fired(60)).toEqual([]);
  });

  it('a rolling update moves all clients, and no alert fires', async () => {
    const from = Date.now();
    await release.restart();
    await release.rolledOut();
    await eventually(async () => {
      const moved = await prometheus.query(
        `max by (outcome) (holdfast_drained_clients_total{namespace="${namespace.name}"})`,
      );
      const counts = Object.fromEntries(moved.map(({ metric, value }) => [metric['outcome'] ?? '', value]));
      expect(counts['moved']).toBeGreaterThan(0);
      expect(counts['closed']).toBe(0);
    });
    await load.goesOn(100);
    expect(await fired(Math.ceil((Date.now() - from) / 1_000))).toEqual([]);
  });

  it('a pod that is killed is restarted, its clients come back, and no alert fires', async () => {
    const from = Date.now();
    const [pod = ''] = await release.podNames();
    await injectFault('kill', namespace.name, pod);
    await eventually(async () => {
      const connections = await valueOf(`sum(holdfast_connections{namespace="${namespace.name}"})`);
      expect(connections).toBe(CLIENTS);
    });
    await release.rolledOut();
    await sleep(SILENT_SECONDS * 1_000);
    expect(await fired(Math.ceil((Date.now() - from) / 1_000))).toEqual([]);
  });

  it('while the broker is away, HoldfastPublishBudgetBurn and HoldfastBrokerDown fire in time, and no other alert', async () => {
    const from = Date.now();
    await scaleRedis(0);
    const [publishes, down] = await Promise.all([
      untilFires('HoldfastPublishBudgetBurn', from),
      untilFires('HoldfastBrokerDown', from),
    ]);
    console.info(`after ${publishes} s: HoldfastPublishBudgetBurn; after ${down} s: HoldfastBrokerDown`);
    expect(publishes).toBeLessThan(120);
    expect(down).toBeLessThan(150);
    expect(await fired(Math.ceil((Date.now() - from) / 1_000))).toEqual([
      'HoldfastBrokerDown',
      'HoldfastPublishBudgetBurn',
    ]);
    await scaleRedis(1);
    await load.goesOn(100);
    await eventually(async () => {
      expect(await valueOf('count(ALERTS{alertname="HoldfastBrokerDown", alertstate="firing"})')).toBeUndefined();
    });
  });

  async function scaleRedis(replicas: number): Promise<void> {
    await namespace.cluster.apps.patchNamespacedDeployment(
      { namespace: namespace.name, name: REDIS, body: { spec: { replicas } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    if (replicas > 0) return;
    // Otherwise it would have the time to store what it has.
    const selector = 'app.kubernetes.io/instance=holdfast,app.kubernetes.io/component=redis';
    await namespace.cluster.core.deleteCollectionNamespacedPod({
      namespace: namespace.name,
      labelSelector: selector,
      gracePeriodSeconds: 0,
    });
  }
});
