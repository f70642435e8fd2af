import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { V1Pod } from '@kubernetes/client-node';
import { Cluster, nameOf } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { execute } from '../support/execute.js';
import { ask } from '../support/http.js';
import { serverPod } from '../support/ingress-classes.js';
import { Namespace } from '../support/namespace.js';
import { Probe } from '../support/probe.js';
import { reached, type Target } from '../support/reach.js';
import { CHART, QUICK, Release, type Values } from '../support/release.js';
import { Routes } from '../support/routes.js';

type Named = Target & { readonly name: string };

const INSTANCE = { 'app.kubernetes.io/name': 'holdfast', 'app.kubernetes.io/instance': 'holdfast' };
const PROMETHEUS = { 'app.kubernetes.io/name': 'prometheus' };

const podsOf = (app: string): object => ({ podSelector: { matchLabels: { app } } });
const namespaceOf = (name: string): object => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});

/** At least one kind of ingress has to be allowed: that of a backend. */
const BACKEND_ONLY = { apiClients: [podsOf('backend')] };

let namespace: Namespace;
/** Another namespace, of other applications. */
let elsewhere: Namespace;
let release: Release;
let routes: Routes;
let gatewayPod: V1Pod;
let redisPod: V1Pod;
/** Pods by their role, in the namespace of the release unless noted. */
let probes: {
  /** Has no permission at all. */
  readonly stranger: Probe;
  readonly backend: Probe;
  readonly tester: Probe;
  readonly extra: Probe;
  /** In the other namespace, as are all below. */
  readonly controller: Probe;
  readonly prometheus: Probe;
  /** Known by its address only. */
  readonly balancer: Probe;
  readonly outsider: Probe;
};

beforeAll(async () => {
  const cluster = Cluster.connect();
  [namespace, elsewhere] = await Promise.all([
    Namespace.create(cluster, 'network-policy'),
    Namespace.create(cluster, 'network-policy-elsewhere'),
  ]);
  release = new Release(namespace);
  routes = new Routes(release);
  const started = Promise.all([
    Probe.start(namespace, 'stranger'),
    Probe.start(namespace, 'backend'),
    Probe.start(namespace, 'tester', { ...INSTANCE, 'app.kubernetes.io/component': 'test' }),
    Probe.start(namespace, 'extra'),
    Probe.start(elsewhere, 'controller'),
    Probe.start(elsewhere, 'prometheus', PROMETHEUS),
    Probe.start(elsewhere, 'balancer'),
    Probe.start(elsewhere, 'outsider'),
  ]);
  await routes.apply({ ...QUICK, replicaCount: 2, networkPolicy: { enabled: true, ...BACKEND_ONLY } });
  const [stranger, backend, tester, extra, controller, prometheus, balancer, outsider] = await started;
  probes = { stranger, backend, tester, extra, controller, prometheus, balancer, outsider };
  [gatewayPod] = (await release.readyPods()) as [V1Pod];
  [redisPod] = (await cluster.pods(namespace.name, 'app.kubernetes.io/component=redis')) as [V1Pod];
});

afterAll(() => Promise.all([namespace?.remove(), elsewhere?.remove()]));

beforeEach(() => namespace.collectOnFailure());

/** Replaces the policies by those that the chart renders with these values: no pod has to be restarted for that. */
async function apply(networkPolicy: Values, values: Values = {}): Promise<void> {
  const show = ['template', release.name, CHART, '--show-only', 'templates/networkpolicy.yaml'];
  const rendered = await release.helm(show, { ...values, networkPolicy: { enabled: true, ...networkPolicy } });
  await kubectl(['delete', 'networkpolicies', '--all', '--namespace', namespace.name]);
  await kubectl(['apply', '--namespace', namespace.name, '--filename=-'], rendered);
}

const target = (name: string, pod: V1Pod, port: number): Named => ({
  name: `${name}:${port}`,
  address: pod.status?.podIP ?? '',
  port,
});

/** What other pods may want to reach. */
const inside = (): Named[] => [
  target('gateway', gatewayPod, 8000),
  target('gateway', gatewayPod, 8001),
  target('redis', redisPod, 6379),
];

/** The names of what each probe reaches inside of the release. */
async function reachedByAll(): Promise<Record<string, string[]>> {
  const all = await Promise.all(
    Object.values(probes).map(async (probe) => [probe.name, namesOf(await probe.reached(inside()))] as const),
  );
  return Object.fromEntries(all);
}

/** The names of what a pod of the gateway reaches. */
async function reachedByGateway(targets: readonly Named[]): Promise<string[]> {
  return namesOf(await reached(namespace, { pod: nameOf(gatewayPod), container: 'gateway' }, targets));
}

const namesOf = (targets: readonly Named[]): string[] => targets.map(({ name }) => name).toSorted();

/** Whether the pod of Redis, which has no Node.js, reaches a target: what the probes return is a valid reply. */
async function redisReaches({ address, port }: Target): Promise<boolean> {
  const words = ['timeout', '3', 'redis-cli', '-h', address, '-p', `${port}`, 'PING'];
  const output = await execute(namespace, nameOf(redisPod), 'redis', words).catch(() => '');
  return /^.*PING|NOAUTH|HTTP/m.test(output);
}

/** Nobody reaches anything, except for these. */
const nobodyBut = (some: Record<string, string[]>): Record<string, string[]> => ({
  ...Object.fromEntries(Object.keys(probes).map((name) => [name, []])),
  ...some,
});

describe('with networkPolicy.enabled', () => {
  it('new pods become ready, and helm test passes', async () => {
    const output = await release.helm(['test', release.name, '--logs']);
    expect(output).toMatch(/^ok +messages/m);
  });

  it('an ingress controller reaches the WebSocket once it is among the controllers', async () => {
    const admitted = new Set<string>();
    const look = async (): Promise<void> => {
      for (const { name, address, host, ingressClass } of routes.all) {
        const [status = 0] = await ask({ address, host, path: '/ws' });
        expect(admitted.has(ingressClass.server) ? [426] : [502, 504], `through ${name}`).toContain(status);
      }
    };
    // Nothing is undone here, because controllers keep connections that they have.
    await eventually(look);
    const controllers: object[] = [];
    for (const server of new Set(routes.all.map(({ ingressClass }) => ingressClass.server))) {
      const pod = await serverPod(namespace.cluster, server);
      controllers.push(namespaceOf(pod.metadata?.namespace ?? ''));
      admitted.add(server);
      await apply({ controllers });
      await eventually(look);
    }
  });

  it('each listed peer reaches its port, and nothing else', async () => {
    await apply({
      controllers: [{ ...namespaceOf(elsewhere.name), ...podsOf('controller') }],
      apiClients: [podsOf('backend')],
      ipBlocks: [`${probes.balancer.address}/32`],
      monitoring: [{ namespaceSelector: {}, podSelector: { matchLabels: PROMETHEUS } }],
      extraIngress: [{ from: [podsOf('extra')], ports: [{ port: 8001 }] }],
    });
    const expected = nobodyBut({
      controller: ['gateway:8000'],
      backend: ['gateway:8000'],
      balancer: ['gateway:8000'],
      tester: ['gateway:8000'],
      prometheus: ['gateway:8001'],
      extra: ['gateway:8001'],
    });
    await eventually(async () => expect(await reachedByAll()).toEqual(expected));
  });

  it('peers that are not listed, in the same namespace or another, reach nothing', async () => {
    await apply(BACKEND_ONLY);
    const expected = nobodyBut({ backend: ['gateway:8000'], tester: ['gateway:8000'] });
    await eventually(async () => expect(await reachedByAll()).toEqual(expected));
  });
});

/** On any peer, because name servers are not known. */
const dns = ({ name }: Probe): string[] => [53, 5353].flatMap((port) => [`${name}:${port}`, `${name}:${port}/udp`]);

/** Everything that pods of the gateway may want to reach. */
async function outside(): Promise<Named[]> {
  const [nameServer] = (await namespace.cluster.pods('kube-system', 'k8s-app=kube-dns')) as [V1Pod];
  return [
    ...probes.stranger.ports,
    ...probes.outsider.ports,
    target('redis', redisPod, 6379),
    { ...target('kube-dns', nameServer, 53), protocol: 'udp' },
    target('kube-dns', nameServer, 9153),
  ];
}

const always = (): string[] => [...dns(probes.stranger), ...dns(probes.outsider), 'kube-dns:53'];

async function expectReached(names: readonly string[], nameServers = always()): Promise<void> {
  const targets = await outside();
  await eventually(async () => expect(await reachedByGateway(targets)).toEqual([...nameServers, ...names].toSorted()));
}

describe('with networkPolicy.enabled, a pod of the gateway reaches', () => {
  it('the bundled Redis and name servers, and nothing else', async () => {
    await apply(BACKEND_ONLY);
    await expectReached(['redis:6379']);
  });

  it.each([
    ['redis://stranger', [6379]],
    ['redis+sentinel://stranger/primary', [6379, 26_379]],
    ['kafka://stranger', [9092]],
    ['amqp://stranger', [5672]],
    ['amqps://stranger', [5671]],
    ['nats://stranger', [4222]],
    ['postgres://stranger/db', [5432]],
    ['pubsub://project', [443]],
    ['pubsub://project?endpoint=stranger:8085&insecure=true', [8085]],
  ])('the ports of the broker %s, on any peer', async (url, ports) => {
    await apply(BACKEND_ONLY, { broker: { url } });
    const redis = ports.includes(6379) ? ['redis:6379'] : [];
    await expectReached([...ports.flatMap((port) => [`stranger:${port}`, `outsider:${port}`]), ...redis]);
  });

  it('the peers and ports of networkPolicy.egress', async () => {
    await apply(
      {
        ...BACKEND_ONLY,
        egress: {
          dns: { to: [podsOf('stranger')], ports: [53] },
          broker: { to: [podsOf('stranger')], ports: [9092] },
          jwks: { to: [{ ipBlock: { cidr: `${probes.outsider.address}/32` } }], ports: [443] },
          webhooks: { to: [], ports: [8443] },
          extra: [
            {
              to: [{ ...namespaceOf(elsewhere.name), ...podsOf('outsider') }],
              ports: [{ port: 9000, protocol: 'UDP' }],
            },
          ],
        },
      },
      { broker: { existingSecret: 'broker' } },
    );
    const peers = ['stranger:9092', 'outsider:443', 'stranger:8443', 'outsider:8443', 'outsider:9000/udp'];
    await expectReached(peers, ['stranger:53', 'stranger:53/udp']);
  });
});

it('with networkPolicy.enabled, the bundled Redis reaches nothing', async () => {
  await apply(BACKEND_ONLY);
  const targets = [...probes.stranger.ports, target('gateway', gatewayPod, 8000)].filter(
    ({ protocol }) => protocol === undefined,
  );
  await eventually(async () => {
    const all = await Promise.all(targets.map((one) => redisReaches(one)));
    expect(namesOf(targets.filter((_, index) => all[index]))).toEqual([]);
  });
});

it('without policies all of these connections are admitted', async () => {
  await kubectl(['delete', 'networkpolicies', '--all', '--namespace', namespace.name]);
  const everything = nobodyBut(Object.fromEntries(Object.keys(probes).map((name) => [name, namesOf(inside())])));
  await eventually(async () => expect(await reachedByAll()).toEqual(everything));
  const targets = [...probes.stranger.ports, ...probes.outsider.ports];
  expect(await reachedByGateway(targets)).toEqual(namesOf(targets));
  expect(await redisReaches({ address: probes.stranger.address, port: 9000 })).toBe(true);
});
