import type { V1NetworkPolicy, V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { allows, type End } from '../support/network-policy.js';
import { Release } from '../support/release.js';

const MONITORING = { 'app.kubernetes.io/name': 'prometheus' };

let namespace: Namespace;
let release: Release;
let policies: readonly V1NetworkPolicy[];
let gateway: End;
let redis: End;
let controller: End;

// Not every cluster enforces policies, so their effect is computed from the objects and pods in the cluster.
beforeAll(async () => {
  const cluster = Cluster.connect();
  namespace = await Namespace.create(cluster, 'network-policy');
  release = new Release(namespace);
  const controllerPod = await cluster.ingressController();
  const name = controllerPod.metadata?.namespace;
  await release.apply({
    networkPolicy: {
      enabled: true,
      controllers: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } }],
      monitoring: [{ namespaceSelector: {}, podSelector: { matchLabels: MONITORING } }],
    },
  });
  ({ items: policies } = await cluster.networking.listNamespacedNetworkPolicy({ namespace: namespace.name }));
  gateway = await endOf((await release.pods())[0]);
  redis = await endOf((await cluster.pods(namespace.name, 'app.kubernetes.io/component=redis'))[0]);
  controller = await endOf(controllerPod);
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

async function endOf(pod: V1Pod | undefined): Promise<End> {
  const name = pod?.metadata?.namespace;
  if (pod === undefined || name === undefined) throw new Error('there is no such pod');
  const { metadata } = await namespace.cluster.core.readNamespace({ name });
  return { pod, namespaceLabels: metadata?.labels ?? {} };
}

/** Any other pod in the namespace. */
async function podLabelled(labels: Readonly<Record<string, string>>): Promise<End> {
  return endOf({ metadata: { namespace: namespace.name, labels } });
}

it('the ingress controller reaches the WebSocket, and not the metrics or Redis', () => {
  expect(allows(policies, { from: controller, to: gateway, port: 8000 })).toBe(true);
  expect(allows(policies, { from: controller, to: gateway, port: 8001 })).toBe(false);
  expect(allows(policies, { from: controller, to: redis, port: 6379 })).toBe(false);
});

it('Prometheus reaches the metrics, and nothing else', async () => {
  const prometheus = await podLabelled(MONITORING);
  expect(allows(policies, { from: prometheus, to: gateway, port: 8001 })).toBe(true);
  expect(allows(policies, { from: prometheus, to: gateway, port: 8000 })).toBe(false);
});

it('other pods and hosts outside of the cluster reach nothing', async () => {
  for (const from of [await podLabelled({ app: 'other' }), 'outside'] as const) {
    for (const port of [8000, 8001]) expect(allows(policies, { from, to: gateway, port })).toBe(false);
    expect(allows(policies, { from, to: redis, port: 6379 })).toBe(false);
  }
});

it('the gateway reaches Redis and name servers, and nothing else', async () => {
  expect(allows(policies, { from: gateway, to: redis, port: 6379 })).toBe(true);
  const [nameServer] = await namespace.cluster.pods('kube-system', 'k8s-app=kube-dns');
  const dns = await endOf(nameServer);
  for (const protocol of ['UDP', 'TCP'] as const) {
    expect(allows(policies, { from: gateway, to: dns, port: 53, protocol })).toBe(true);
  }
  expect(allows(policies, { from: gateway, to: dns, port: 9153 })).toBe(false);
  expect(allows(policies, { from: gateway, to: 'outside', port: 443 })).toBe(false);
});

it('Redis reaches nothing', () => {
  expect(allows(policies, { from: redis, to: gateway, port: 8000 })).toBe(false);
  expect(allows(policies, { from: redis, to: 'outside', port: 443 })).toBe(false);
});

it('the pod of helm test reaches the WebSocket', async () => {
  const manifest = await release.helm(['get', 'hooks', release.name]);
  expect(manifest).toContain('component: test');
  const test = await podLabelled({
    'app.kubernetes.io/name': 'holdfast',
    'app.kubernetes.io/instance': release.name,
    'app.kubernetes.io/component': 'test',
  });
  expect(allows(policies, { from: test, to: gateway, port: 8000 })).toBe(true);
});
