import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXAMPLES } from '../../.ci/doc-examples.js';
import { render, type Manifest } from './support/helm.ts';

const PAGE = 'docs/from-plain-manifests.md';
const FOLDER = fileURLToPath(new URL('../../examples/plain-manifests', import.meta.url));

function read(path: string): unknown {
  return parse(readFileSync(`${FOLDER}/${path}`, 'utf8'));
}

const old = {
  deployment: read('manifests/deployment.yaml') as Manifest,
  service: read('manifests/service.yaml') as Manifest,
  ingress: read('manifests/ingress.yaml') as Manifest,
  autoscaler: read('manifests/autoscaler.yaml') as Manifest,
};
const values = read('values.yaml') as object;
const examples = EXAMPLES.filter(({ page }) => page === PAGE);

describe('from plain manifests to the chart', () => {
  it('the page shows the values of the example', () => {
    const [yaml, ...others] = examples.filter(({ language }) => language === 'yaml');
    expect(others).toEqual([]);
    expect(parse(yaml?.text ?? '')).toEqual(values);
  });

  it('the objects keep their names, the host, the class, the port and the number of pods', async () => {
    const manifests = await render({ ...values, autoscaling: { enabled: true } }, { release: 'gateway' });
    for (const { kind, metadata } of Object.values(old)) {
      expect(manifests.find(kind, metadata.name), kind).toHaveLength(1);
    }
    const [ingress] = manifests.find('Ingress');
    expect(ingress?.spec.ingressClassName).toBe(old.ingress.spec.ingressClassName);
    expect(ingress?.spec.rules[0].host).toBe(old.ingress.spec.rules[0].host);
    expect(manifests.get('Service', 'gateway').spec.ports[0].port).toBe(old.service.spec.ports[0].port);
    expect((await render(values, { release: 'gateway' })).deployment.spec.replicas).toBe(old.deployment.spec.replicas);
  });

  it("the chart's Service selects old pods with the labels of the page, and finds their port", async () => {
    const label = examples.find(({ text }) => text.startsWith('kubectl label pods'))?.text ?? '';
    const labels = Object.fromEntries(
      [...label.matchAll(/([\w./]+\/[\w]+)=(\w+)/g)].map(([, name, value]) => [name, value]),
    );
    const service = (await render(values, { release: 'gateway' })).get('Service', 'gateway');
    expect(labels).toEqual(service.spec.selector);
    const { ports } = old.deployment.spec.template.spec.containers[0];
    expect(ports).toContainEqual(expect.objectContaining({ name: service.spec.ports[0].targetPort }));
  });

  it('the old pods have the time to stop in order', () => {
    const { containers, terminationGracePeriodSeconds } = old.deployment.spec.template.spec;
    const variables = Object.fromEntries(
      containers[0].env.map(({ name, value }: { name: string; value?: string }) => [name, Number(value)]),
    );
    const needed =
      containers[0].lifecycle.preStop.sleep.seconds +
      Number(variables['HOLDFAST_SETTLE_SECONDS']) +
      Number(variables['HOLDFAST_DRAIN_SECONDS']);
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed + 10);
  });
});
