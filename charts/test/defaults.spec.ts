import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { EVERYTHING, EXTERNAL_SECRET, KEDA } from './support/everything.ts';
import type { Manifest } from './support/helm.ts';
import { renderVariants } from './support/parent-chart.ts';
import { GATEWAY_CONTROLLERS, gatewayOf } from './support/traffic.ts';

/** The relevant part of a JSON Schema. */
interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** The paths within lists at which the API server would add a default to `value`. */
function missingDefaults(schema: Schema | undefined, value: unknown, inList = false, path = ''): string[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => missingDefaults(schema.items, item, true, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  const members = value as Readonly<Record<string, unknown>>;
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const here = `${path}.${name}`;
    if (name in members) return missingDefaults(property, members[name], inList, here);
    return inList && property.default !== undefined ? [here] : [];
  });
}

/** Values that render custom resources. */
const VARIANTS = {
  everything: {
    ...EVERYTHING,
    metrics: {
      ...EVERYTHING.metrics,
      serviceMonitor: {
        enabled: true,
        relabelings: [{ targetLabel: 'a', replacement: 'b' }],
        metricRelabelings: [{ sourceLabels: ['a'], targetLabel: 'b' }],
      },
    },
  },
  keda: KEDA,
  external: EXTERNAL_SECRET,
  ...Object.fromEntries(
    GATEWAY_CONTROLLERS.flatMap((controller) =>
      ['none', ...(controller === '' ? [] : ['cookie'])].map((mode) => [
        `gateway-${controller}-${mode}`,
        {
          gateway: gatewayOf(controller, { redirectParentRefs: [{ name: 'public', sectionName: 'http' }] }),
          sessionAffinity: { mode },
          tls: { enabled: true },
        },
      ]),
    ),
  ),
};

describe('custom resources', () => {
  it('contain the defaults of lists, which Argo CD would report as a difference for ever', async ({ skip }) => {
    const { customSchemas } = inject('tools');
    if ('missing' in customSchemas) return skip(customSchemas.missing);
    const { path } = customSchemas;
    const schemaOf = async ({ apiVersion, kind }: Manifest): Promise<Schema | undefined> => {
      const [group = '', version = ''] = apiVersion.split('/');
      const file = join(path, `${kind}-${group.split('.')[0]}-${version}.json`.toLowerCase());
      return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Schema) : undefined;
    };
    const checked = new Set<string>();
    for (const [variant, { all }] of Object.entries(await renderVariants(VARIANTS))) {
      for (const manifest of all) {
        const schema = await schemaOf(manifest);
        if (schema === undefined) continue;
        checked.add(manifest.kind);
        expect(missingDefaults(schema, manifest), `${variant}: ${manifest.kind}`).toEqual([]);
      }
    }
    expect([...checked].toSorted()).toEqual([
      'BackendTrafficPolicy',
      'ExternalSecret',
      'HTTPRoute',
      'PrometheusRule',
      'ScaledObject',
      'ServiceMonitor',
    ]);
  });

  it('keep what the user set instead of a default', async () => {
    const parentRef = { group: '', kind: 'Service', name: 'mesh' };
    const remoteRef = { key: 'a', decodingStrategy: 'Base64' };
    const rendered = await renderVariants({
      route: { gateway: gatewayOf('', { parentRefs: [parentRef] }) },
      secret: {
        externalSecret: {
          ...EXTERNAL_SECRET.externalSecret,
          data: { ...EXTERNAL_SECRET.externalSecret.data, 'jwt-secret': remoteRef },
        },
      },
    });
    expect(rendered.route.get('HTTPRoute').spec.parentRefs).toEqual([parentRef]);
    expect(rendered.secret.get('ExternalSecret').spec.data).toContainEqual({
      secretKey: 'jwt-secret',
      remoteRef: { ...remoteRef, conversionStrategy: 'Default', metadataPolicy: 'None' },
    });
  });
});
