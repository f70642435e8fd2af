import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { diagnose } from '../../apps/cli/src/doctor/diagnose.js';
import { describeGateway, findDeployment } from '../../apps/cli/src/doctor/gateway/gateway.js';
import { NO_PROBES } from '../../apps/cli/src/doctor/probes/probes.js';
import { FAULTS, probesOf, Target } from '../../apps/cli/test/doctor/faults.js';
import { healthy, type Draft } from '../../apps/cli/test/doctor/healthy.js';
import { CHART, type Manifests } from './support/helm.ts';
import { renderVariants } from './support/parent-chart.ts';
import { gatewayOf, ingressOf } from './support/traffic.ts';

const NAMESPACE = 'test-ns';

const read = (preset: string): object =>
  parse(readFileSync(join(CHART, 'presets', `${preset}.yaml`), 'utf8')) as object;
const PRESETS = globSync('*.yaml', { cwd: join(CHART, 'presets') }).map((file) => basename(file, '.yaml'));

/** Those of a variant of another preset. */
const BASES: Readonly<Record<string, string>> = {
  'postgresql-rds': 'postgresql',
  'postgresql-azure': 'postgresql',
  'postgresql-cloudsql': 'gke',
};

/** Values in which everything is on that doctor looks at. */
const FULL = {
  ingress: ingressOf('nginx'),
  sessionAffinity: { mode: 'cookie' },
  networkPolicy: {
    enabled: true,
    controllers: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } }],
  },
  autoscaling: { enabled: true },
};

function merged(base: object, over: object): object {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    const isNested = [before, value].every((one) => typeof one === 'object' && one !== null && !Array.isArray(one));
    result[name] = isNested ? merged(before as object, value as object) : value;
  }
  return result;
}

function valuesOf(preset: string): object {
  const values = merged(BASES[preset] === undefined ? {} : read(BASES[preset]), read(preset));
  const { ingress } = values as { ingress?: { controller: string } };
  return ingress === undefined ? values : merged(values, { ingress: { enabled: true, hosts: ['ws.example.com'] } });
}

const VARIANTS: Readonly<Record<string, object>> = {
  ...Object.fromEntries(PRESETS.map((preset) => [preset, valuesOf(preset)])),
  default: {},
  full: FULL,
  traefik: {
    ingress: ingressOf('traefik'),
    sessionAffinity: { mode: 'cookie' },
    tls: { enabled: true, secretName: 'tls' },
  },
  gateway: { gateway: gatewayOf('envoy') },
  'load-balancer': { service: { type: 'LoadBalancer' } },
};

let rendered: Promise<Record<string, Manifests>> | undefined;

/** A healthy release with the values of a variant. All are rendered once, by the first test. */
async function release(variant: string): Promise<Draft> {
  rendered ??= renderVariants(VARIANTS, { namespace: NAMESPACE });
  return healthy((await rendered)[variant]?.all ?? [], NAMESPACE);
}

function idsOf(draft: Draft, probes = NO_PROBES): string[] {
  const gateway = describeGateway(draft, findDeployment(draft));
  return diagnose({ snapshot: draft, gateway, probes }).map(({ id }) => id);
}

describe('holdfast doctor', () => {
  it.each(Object.keys(VARIANTS))('finds nothing in a healthy release: %s', async (variant) => {
    // These run a single pod on purpose: that is advice, and not a fault.
    expect(idsOf(await release(variant))).toEqual(['small', 'development'].includes(variant) ? ['HF507'] : []);
  });

  it.each(FAULTS)('finds $id in a release, and nothing else: $name', async (fault) => {
    const draft = await release('full');
    const target = new Target(draft);
    fault.break?.(target);
    expect(idsOf(draft, probesOf(fault, target))).toEqual([fault.id]);
  });

  it.each([
    [
      'that no Gateway accepts',
      [{ type: 'Accepted', status: 'False', reason: 'NoMatchingParent', message: 'no listener' }],
    ],
    [
      'whose backend is unknown',
      [{ type: 'ResolvedRefs', status: 'False', reason: 'BackendNotFound', message: 'none' }],
    ],
  ])('finds HF108 for an HTTPRoute %s', async (_name, conditions) => {
    const draft = await release('gateway');
    draft.routes = draft.routes.map((route) =>
      Object.assign(route, { status: { parents: [{ parentRef: { name: 'public' }, conditions }] } }),
    );
    expect(idsOf(draft)).toEqual(['HF108']);
  });
});
