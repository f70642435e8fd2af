import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { V1Ingress } from '@kubernetes/client-node';
import { Cluster } from '../support/cluster.js';
import { flaws, type Wiring } from '../support/labels.js';
import { Namespace } from '../support/namespace.js';
import { CHART, QUICK, Release } from '../support/release.js';

let namespace: Namespace;
let release: Release;

beforeEach(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'install');
  release = new Release(namespace);
  namespace.collectOnFailure();
});

// Each test removes the previous release; the remains of a failed test are collected first.
afterAll(() => namespace?.remove());

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

describe('helm upgrade', () => {
  it('to each mode of affinity, through each ingress class, passes helm test, which checks the affinity', async () => {
    await release.apply(QUICK);
    const ways = inject('ingressClasses').map(({ name, controller, address }) => ({
      way: `the cookie of class ${name}`,
      values: {
        sessionAffinity: { mode: 'cookie' },
        ingress: { enabled: true, hosts: ['install.e2e.test'], controller, className: name },
        test: { ingressAddress: address },
      },
    }));
    for (const { way, values } of [{ way: 'clientIP', values: { sessionAffinity: { mode: 'clientIP' } } }, ...ways]) {
      await release.apply({ ...QUICK, ...values });
      const output = await release.helm(['test', release.name, '--logs']);
      expect(output, way).toMatch(/^ok +affinity/m);
    }
  });
});

describe('a preset', () => {
  it('development runs one pod that passes helm test', async () => {
    await release.apply({}, ['--values', `${CHART}/presets/development.yaml`]);
    expect(await release.readyPods()).toHaveLength(1);
    expect(await release.helm(['test', release.name, '--logs'])).toContain('Phase:          Succeeded');
  });
});

describe('labels and ports', () => {
  it('connect the Ingress, the Services and the autoscaler to the pods, and a wrong one is detected', async () => {
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
