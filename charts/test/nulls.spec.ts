import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readChartValues, type ChartValue } from '../generate/chart-values.ts';
import { isOpen, isOptional } from '../generate/values-schema.ts';
import { EVERYTHING, EXTERNAL_SECRET, KEDA } from './support/everything.ts';
import { CHART, refusal, render } from './support/helm.ts';
import { parentChart, renderVariants } from './support/parent-chart.ts';
import { gatewayOf, ingressOf } from './support/traffic.ts';

const ROUTES = {
  ...KEDA,
  ...EXTERNAL_SECRET,
  ingress: ingressOf('nginx'),
  gateway: gatewayOf('envoy'),
  tls: { enabled: true },
  sessionAffinity: { mode: 'cookie' },
  service: { type: 'LoadBalancer' },
};

/** Values, and blocks of values, by their paths. */
function pathsOf(values: readonly ChartValue[], parent = ''): Map<string, ChartValue> {
  return new Map(
    values.flatMap((value) => {
      const path = `${parent}${value.name}`;
      return [[path, value], ...(isOpen(value) ? [] : pathsOf(value.members, `${path}.`))];
    }),
  );
}

/** `values` with null at `path`. */
function without(values: object, path: string): object {
  const [name = '', ...rest] = path.split('.');
  const member = (values as Record<string, unknown>)[name];
  return { ...values, [name]: rest.length === 0 ? null : without(Object(member) as object, rest.join('.')) };
}

/** A name for a dependency. */
const aliasOf = (path: string): string => `x${path.replaceAll('.', '-')}`;

describe('null', async () => {
  const paths = pathsOf(readChartValues(await readFile(join(CHART, 'values.yaml'), 'utf8')));
  const optional = [...paths].filter(([, value]) => isOptional(value)).map(([path]) => path);
  const required = [...paths.keys()].filter((path) => !optional.includes(path));

  it('for a value or block without which the chart cannot work is reported, with its name', async () => {
    const values = Object.fromEntries(required.map((path) => [aliasOf(path), without({}, path)]));
    const message = await refusal(values, { chart: await parentChart({}, required.map(aliasOf)) });
    const reports = new Map(
      message.split(/^(?=x[\w-]+:$)/m).map((report) => [/^(x[\w-]+):\n/.exec(report)?.[1], report]),
    );
    expect(required.length).toBeGreaterThan(80);
    for (const path of required) {
      const name = path.split('.').at(-1);
      expect(reports.get(aliasOf(path)), path).toContain(`missing property '${name}'`);
    }
  });

  it.each([
    ['with routes, KEDA and an external secret', ROUTES],
    ['with everything enabled', EVERYTHING],
  ])('for any other value is the same as its empty default, %s', async (_, values) => {
    // Each of these needs another value then, which is reported.
    const needed = new Set([
      'redis.resources',
      'resources',
      'broker.migration.existingSecret',
      'externalSecret.data',
      'networkPolicy.monitoring',
      'networkPolicy.egress.webhooks.ports',
      'externalSecret.store.name',
      'gateway.parentRefs',
      'autoscaling.keda.prometheus',
    ]);
    const harmless = optional.filter((path) => !needed.has(path));
    expect(harmless.length).toBeGreaterThan(60);
    const variants = Object.fromEntries(harmless.map((path) => [aliasOf(path), without(values, path)]));
    for (const manifests of Object.values(await renderVariants(variants))) {
      expect(manifests.deployment.kind).toBe('Deployment');
    }
  });

  it('for requests that something is computed from is reported', async () => {
    expect(await refusal({ redis: { resources: null } })).toContain('redis.resources.limits.memory: expected');
    expect(await refusal({ resources: null, autoscaling: { enabled: true } })).toContain(
      'resources.requests.cpu: expected a request',
    );
    await render({ resources: null });
  });
});

describe('an empty string in a parent chart, whose nulls Helm ignores,', () => {
  it('removes a default', async () => {
    const chart = await parentChart({
      holdfast: {
        podSecurityContext: { runAsUser: '', runAsGroup: '', fsGroup: '' },
        resources: { limits: { cpu: '' } },
        securityContext: { capabilities: { drop: '' } },
      },
    });
    const { spec } = (await render({}, { chart })).deployment.spec.template;
    expect(spec.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(spec.containers[0].resources).toEqual({
      requests: { cpu: '100m', memory: '128Mi' },
      limits: { memory: '256Mi' },
    });
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
  });
});
