import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { injectFault } from '../support/inject.js';
import { alertsIn, monitoringOf, type Monitoring } from '../support/monitoring.js';
import { Namespace } from '../support/namespace.js';
import { Prometheus } from '../support/prometheus.js';
import { CHART, QUICK, Release, type Values } from '../support/release.js';
import { connect, type Connected } from '../support/socket.js';

/** A release whose name, and so the names of its pods, begins with the name of the other one. */
const NEIGHBOUR = 'holdfast-eu';
const CLIENTS = 6;
const CLIENTS_OF_NEIGHBOUR = 4;
const OUTAGE_SECONDS = 15;

const VALUES: Values = { ...QUICK, service: { type: 'NodePort' }, config: { auth: { anonymous: true } } };

interface Trigger {
  readonly metadata: { readonly query: string; readonly ignoreNullValues: string };
}

describe.skipIf(process.env['E2E_PROMETHEUS'] !== '1')('in Prometheus', () => {
  let namespace: Namespace;
  let release: Release;
  let prometheus: Prometheus;
  let trigger: Trigger;
  let monitoring: Monitoring;
  let sockets: Connected[];

  beforeAll(async () => {
    namespace = await Namespace.create(Cluster.connect(), 'prometheus');
    release = new Release(namespace);
    await release.apply(VALUES);
    const small = { ...VALUES, replicaCount: 1, redis: { enabled: false } };
    await release.helm(['install', NEIGHBOUR, CHART, '--wait', '--timeout=120s'], small);
    prometheus = await Prometheus.start(namespace);
    trigger = await readTrigger();
    monitoring = await monitoringOf(release);
    sockets = [...(await open(release.name, CLIENTS)), ...(await open(NEIGHBOUR, CLIENTS_OF_NEIGHBOUR))];
  });

  afterAll(async () => {
    for (const { socket } of sockets ?? []) socket.terminate();
    await namespace?.remove();
  });

  beforeEach(() => namespace.collectOnFailure());

  function render(template: string, values: Values): Promise<string> {
    return release.helm(['template', release.name, CHART, '--show-only', `templates/${template}`], values);
  }

  async function readTrigger(): Promise<Trigger> {
    const autoscaling = { enabled: true, provider: 'keda', keda: { prometheus: 'http://prometheus:9090' } };
    const { spec } = parse(await render('scaledobject.yaml', { autoscaling })) as { spec: { triggers: [Trigger] } };
    return spec.triggers[0];
  }

  async function open(service: string, count: number): Promise<Connected[]> {
    const { cluster } = namespace;
    const { spec } = await cluster.core.readNamespacedService({ namespace: namespace.name, name: service });
    const [node] = (await cluster.nodes()).values();
    const address = `${node}:${spec?.ports?.[0]?.nodePort}`;
    return Promise.all(Array.from({ length: count }, () => eventually(() => connect({ address, host: service }))));
  }

  const connections = async (): Promise<number[]> =>
    (await prometheus.query(trigger.metadata.query)).map(({ value }) => value);

  /** The names of the alerts whose condition holds now. */
  async function firing(): Promise<string[]> {
    const results = await Promise.all(
      monitoring.groups.map(async ({ rules }) => prometheus.withResults(alertsIn(rules))),
    );
    return results.flat();
  }

  it("KEDA's query counts the connections of the release, and not those of another whose name begins alike", async () => {
    await eventually(async () => expect(await connections()).toEqual([CLIENTS]));
    const all = await prometheus.query(`sum(holdfast_connections{namespace="${namespace.name}"})`);
    expect(all.map(({ value }) => value)).toEqual([CLIENTS + CLIENTS_OF_NEIGHBOUR]);
  });

  it('no alert fires while all is well', async () => {
    expect(monitoring.rules.length).toBeGreaterThan(5);
    expect(await firing()).toEqual([]);
  });

  it("a scrape that fails gives KEDA's query no value, instead of 0, and HoldfastAbsent fires", async () => {
    const addresses = (await release.readyPods()).map(({ status }) => status?.podIP ?? '');
    const outage = Promise.all(
      addresses.map((address) => injectFault('drop', namespace.name, prometheus.pod, address, String(OUTAGE_SECONDS))),
    );
    await eventually(async () => {
      expect(await connections()).toEqual([]);
      expect(await firing()).toEqual(['HoldfastAbsent']);
    });
    // KEDA treats no value as an error, and keeps the number of pods.
    expect(trigger.metadata.ignoreNullValues).toBe('false');
    await outage;
    await eventually(async () => expect(await connections()).toEqual([CLIENTS]));
    expect(await firing()).toEqual([]);
  });
});
