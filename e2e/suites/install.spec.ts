import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { V1Ingress } from '@kubernetes/client-node';
import { Cluster, nameOf } from '../support/cluster.js';
import { flaws, type Wiring } from '../support/labels.js';
import { Namespace } from '../support/namespace.js';
import { CHART, Release } from '../support/release.js';

/** Within which a bare install is ready, in ms. */
const READY_WITHIN = 60_000;

let namespace: Namespace;
let release: Release;

beforeEach(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'install');
  release = new Release(namespace);
  namespace.collectOnFailure();
});

afterEach(() => namespace?.remove());

/** Everything in the namespace that a chart may have put there, by kind and name. */
async function objects(): Promise<string[]> {
  const { core, apps, autoscaling, networking, policy } = namespace.cluster;
  const of = { namespace: namespace.name };
  const lists = await Promise.all([
    core.listNamespacedSecret(of),
    core.listNamespacedConfigMap(of),
    core.listNamespacedService(of),
    core.listNamespacedServiceAccount(of),
    core.listNamespacedPod(of),
    core.listNamespacedPersistentVolumeClaim(of),
    apps.listNamespacedDeployment(of),
    apps.listNamespacedReplicaSet(of),
    autoscaling.listNamespacedHorizontalPodAutoscaler(of),
    networking.listNamespacedIngress(of),
    networking.listNamespacedNetworkPolicy(of),
    policy.listNamespacedPodDisruptionBudget(of),
  ]);
  const kinds = 'Secret ConfigMap Service ServiceAccount Pod Claim Deployment ReplicaSet HPA Ingress NetworkPolicy PDB';
  return lists
    .flatMap(({ items }, index) => items.map((item) => `${kinds.split(' ')[index]} ${nameOf(item)}`))
    .toSorted();
}

async function wiring(): Promise<Wiring> {
  const { core, networking, autoscaling } = namespace.cluster;
  const of = { namespace: namespace.name, labelSelector: 'app.kubernetes.io/component!=redis' };
  const [ingress] = (await networking.listNamespacedIngress({ namespace: namespace.name })).items;
  const [autoscaler] = (await autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace: namespace.name })).items;
  return {
    deployment: await release.readDeployment(),
    services: (await core.listNamespacedService(of)).items,
    ...(ingress !== undefined && { ingress }),
    ...(autoscaler !== undefined && { autoscaler }),
  };
}

describe('helm install', () => {
  it('with nothing set is ready within a minute, under the restricted Pod Security Standard, and passes helm test', async () => {
    const begun = performance.now();
    await release.helm(['install', release.name, CHART, '--wait', '--timeout=60s'], {});
    expect(performance.now() - begun).toBeLessThan(READY_WITHIN);
    expect(await release.readyPods()).toHaveLength(3);
    expect(await release.helm(['test', release.name, '--logs'])).toContain('Phase:          Succeeded');
  });

  it('leaves nothing behind when it is uninstalled', async () => {
    const before = await objects();
    const probes = { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } };
    await release.apply({ timeouts: { preStop: 0, settle: 2, drain: 1, margin: 1 }, probes });
    await release.helm(['uninstall', release.name, '--wait', '--timeout=60s']);
    await expect.poll(objects, { timeout: 30_000 }).toEqual(before);
  });
});

/** So that pods come and go quickly. */
const QUICK = {
  timeouts: { preStop: 0, settle: 2, drain: 2, margin: 2 },
  probes: { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } },
};

describe('helm upgrade', () => {
  it('keeps secrets and selectors, and so does a rollback', async () => {
    await release.apply(QUICK);
    const before = { ...(await secrets()), selector: (await release.readDeployment()).spec?.selector };
    await release.apply({ ...QUICK, config: { log: { level: 'warn' } } });
    expect({ ...(await secrets()), selector: (await release.readDeployment()).spec?.selector }).toEqual(before);
    await release.helm(['rollback', release.name, '1', '--wait', '--timeout=60s']);
    await release.rolledOut();
    expect({ ...(await secrets()), selector: (await release.readDeployment()).spec?.selector }).toEqual(before);
    expect(await release.helm(['test', release.name, '--logs'])).toContain('Phase:          Succeeded');
  });

  it('takes image and count back after kubectl has changed them, and works after a restart', async () => {
    await release.apply(QUICK);
    await release.scale(4);
    await release.rolledOut();
    await release.restart();
    await release.rolledOut();
    await release.apply(QUICK, ['--force-conflicts']);
    expect((await release.readDeployment()).spec?.replicas).toBe(3);
  });

  it.each([
    ['clientIP', {}],
    ['cookie', { controller: 'nginx' }],
    ['cookie', { controller: 'traefik' }],
  ])('to sessionAffinity.mode=%s with %o passes helm test, which checks it', async (mode, ingress) => {
    const host = 'install.e2e.test';
    const values = {
      ...QUICK,
      sessionAffinity: { mode },
      ...('controller' in ingress && {
        ingress: { enabled: true, hosts: [host], ...ingress },
        test: { ingressAddress: await namespace.cluster.ingressAddress() },
      }),
    };
    await release.apply(QUICK);
    await release.apply(values);
    const told = await release.helm(['test', release.name, '--logs']);
    expect(told).toMatch(/^ok +affinity/m);
  });
});

describe('a preset', () => {
  const PRESETS = readdirSync(`${CHART}/presets`).filter((name) => name.endsWith('.yaml'));

  it.each(PRESETS)('%s is taken by the API server', async (preset) => {
    const args = ['install', release.name, CHART, '--dry-run=server', '--values', `${CHART}/presets/${preset}`];
    expect(await release.helm(args)).toContain('kind: Deployment');
  });

  it('development runs one pod that passes helm test', async () => {
    await release.apply({}, ['--values', `${CHART}/presets/development.yaml`]);
    expect(await release.readyPods()).toHaveLength(1);
    expect(await release.helm(['test', release.name, '--logs'])).toContain('Phase:          Succeeded');
  });
});

describe('labels and ports', () => {
  it('lead from the Ingress, the Services and the autoscaler to the pods, and a wrong one is found', async () => {
    await release.apply({
      ...QUICK,
      ingress: { enabled: true, controller: 'traefik', hosts: ['labels.e2e.test'] },
      autoscaling: { enabled: true },
    });
    const all = await wiring();
    expect(all.services).toHaveLength(2);
    expect(flaws(all)).toEqual([]);
    expect(all.ingress).toBeDefined();
    expect(all.autoscaler).toBeDefined();

    const wrong = structuredClone(JSON.parse(JSON.stringify(all))) as Wiring;
    Object.assign(wrong.services[0]?.spec?.selector ?? {}, { 'app.kubernetes.io/component': 'getaway' });
    Object.assign(wrong.services[1]?.spec?.ports?.[0] ?? {}, { targetPort: 'htttp' });
    Object.assign(backendOf(wrong.ingress), { name: 'holdfats' });
    Object.assign(wrong.autoscaler?.spec?.scaleTargetRef ?? {}, { name: 'holdfats' });
    expect(flaws(wrong)).toHaveLength(4);
  });
});

function backendOf(ingress: V1Ingress | undefined): object {
  return ingress?.spec?.rules?.[0]?.http?.paths[0]?.backend.service ?? {};
}

/** The values of all Secrets of the chart. */
async function secrets(): Promise<Record<string, unknown>> {
  const { items } = await namespace.cluster.core.listNamespacedSecret({
    namespace: namespace.name,
    labelSelector: 'app.kubernetes.io/instance=holdfast',
  });
  return Object.fromEntries(items.map((secret) => [nameOf(secret), secret.data]));
}
