import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readChartValues, type ChartValue } from '../generate/chart-values.ts';
import { isOpen } from '../generate/values-schema.ts';
import { CHART, render, type Manifests } from './support/helm.ts';
import { renderVariants } from './support/parent-chart.ts';
import { GATEWAY_CONTROLLERS, gatewayOf, INGRESS_CONTROLLERS, ingressOf } from './support/traffic.ts';

/** Valid names of releases, namespaces and objects that YAML reads as something else without quotes. */
const NAMES = ['1234', '1e3', 'true', 'null', '0x1f', '2026-01-01', 'on', '012'];

/** Other strings that YAML would read as something else, or not at all. */
const STRINGS = [...NAMES, '~', '1_000', '.inf', `"a": 'b' #c {{ d }}\n- é\\`, ' - &a *b: [c]\n', '{a: @b}'];

/** Checksums of strings, and the id of a dashboard, which contains one. */
const CHECKSUMS = /\b(?:[0-9a-f]{64}|(?<=holdfast-)[0-9a-f]{12})\b/g;

/** Stands for a string that YAML always reads as one. */
const PLAIN = 'harmless';

/** Values that exclude others, or that the chart reads. Each has tests of its own. */
const EXCLUDED = new Set([
  'nameOverride',
  'fullnameOverride',
  'broker.url',
  'auth.jwtSecret.value',
  'auth.apiKeys.value',
  'auth.adminKeys.value',
  'tls.certManager.clusterIssuer',
  'tls.certManager.issuer',
  'tls.secretName',
  'sessionAffinity.cookie.name',
  // Their values are templates.
  'commonLabels',
]);

/** Sets every free string of values.yaml, and an entry of every map of strings, to `text`. */
function fill(values: readonly ChartValue[], text: string, parent = ''): Record<string, unknown> {
  return Object.fromEntries(
    values.flatMap((value): [string, unknown][] => {
      const path = `${parent}${value.name}`;
      const { hints, default: fallback } = value;
      if (EXCLUDED.has(path)) return [];
      if (!isOpen(value)) return [[value.name, fill(value.members, text, `${path}.`)]];
      if (typeof fallback === 'string' && !('enum' in hints) && !('pattern' in hints)) return [[value.name, text]];
      if (JSON.stringify(hints['additionalProperties'] ?? '').includes('definitions/text')) {
        return [[value.name, { [text]: text, key: text }]];
      }
      const items = hints['items'] as { type?: unknown } | undefined;
      return items?.type === 'string' ? [[value.name, [text]]] : [];
    }),
  );
}

/** The strings of lists of objects, and of mappings with any members. */
function others(text: string): object {
  const peer = { podSelector: { matchLabels: { [text]: text } } };
  const container = {
    name: text,
    image: text,
    env: [{ name: text, value: text }],
    args: [text],
    resources: { requests: { cpu: 1 } },
  };
  return {
    global: { imageRegistry: text, imagePullSecrets: [text], storageClass: text },
    imagePullSecrets: [{ name: text }],
    config: { auth: { jwt: { issuer: text, audience: text } } },
    extraSecretFiles: [{ variable: 'HOLDFAST_OTHER', secret: text, key: text }],
    externalSecret: { data: { 'jwt-secret': { key: text, property: text } } },
    extraEnv: [{ name: text, value: text }],
    extraEnvFrom: [{ secretRef: { name: text } }],
    extraVolumes: [{ name: text, secret: { secretName: text } }],
    extraVolumeMounts: [{ name: text, mountPath: text }],
    extraPodSpec: { schedulerName: text },
    initContainers: [container],
    sidecars: [container],
    tolerations: [{ key: text, value: text }],
    affinity: { nodeAffinity: { [text]: text } },
    podSecurityContext: { [text]: text },
    securityContext: { [text]: text },
    metrics: {
      serviceMonitor: { relabelings: [{ replacement: text }], metricRelabelings: [{ replacement: text }] },
      prometheusRule: { extraRules: [{ expr: text, labels: { [text]: text } }] },
    },
    networkPolicy: { controllers: [peer], apiClients: [peer], monitoring: [peer], egress: { broker: { to: [peer] } } },
    extraObjects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extra' }, data: { [text]: text } }],
  };
}

/** Two mappings as one; that of `second` takes precedence. */
function merge(first: object, second: object): object {
  const merged: Record<string, unknown> = { ...first };
  for (const [name, member] of Object.entries(second)) {
    const before = merged[name];
    merged[name] = isMapping(before) && isMapping(member) ? merge(before, member) : member;
  }
  return merged;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const ENABLED = { enabled: true };

/** Every object of the chart, with names and free strings from `name` and `text`. */
function variantsOf(values: readonly ChartValue[], name: string, text: string): Record<string, object> {
  const base = merge(merge(fill(values, text), others(text)), {
    nameOverride: name,
    fullnameOverride: name,
    autoscaling: ENABLED,
    broker: { migration: ENABLED },
    service: { type: 'LoadBalancer' },
    networkPolicy: { ...ENABLED, egress: { broker: { ports: [1] } } },
    metrics: { serviceMonitor: ENABLED, prometheusRule: ENABLED, dashboard: ENABLED },
  });
  const redis = merge(base, {
    broker: { existingSecret: '', migration: { existingSecret: text } },
    networkPolicy: { egress: { broker: { to: [], ports: [] } } },
    redis: { existingSecret: text, persistence: { ...ENABLED, existingClaim: '' } },
  });
  const variant = (more: object): object => merge(base, more);
  const cookie = { sessionAffinity: { mode: 'cookie', cookie: { name: name.replaceAll('.', '-') } } };
  const traffic = { service: { annotations: { key: text } } };
  return {
    redis,
    // Names that follow from the release's.
    release: merge(redis, { nameOverride: '', fullnameOverride: '' }),
    name: merge(redis, { fullnameOverride: '' }),
    claim: merge(redis, { redis: { persistence: { existingClaim: text } } }),
    external: variant({
      externalSecret: ENABLED,
      auth: { jwtSecret: { existingSecret: '' } },
      autoscaling: { provider: 'keda', keda: { extraTriggers: [{ type: text, metadata: { [text]: text } }] } },
    }),
    ...Object.fromEntries(
      INGRESS_CONTROLLERS.map((controller) => [
        `ingress-${controller}`,
        variant({
          ...traffic,
          ...(controller === 'alb' || controller === 'gke' || controller === 'azure' ? {} : cookie),
          ingress: merge(ingressOf(controller), { hosts: [text], className: text }),
          tls: controller === 'alb' ? ENABLED : { ...ENABLED, secretName: text },
        }),
      ]),
    ),
    issuer: variant({ ingress: ENABLED, tls: { ...ENABLED, certManager: { clusterIssuer: text } } }),
    ...Object.fromEntries(
      GATEWAY_CONTROLLERS.map((controller) => [
        `gateway${controller}`,
        variant({
          ...traffic,
          ...(controller === 'envoy' ? cookie : {}),
          tls: ENABLED,
          gateway: {
            ...gatewayOf(controller),
            hostnames: [text],
            parentRefs: [{ name: text, namespace: text, sectionName: text }],
            redirectParentRefs: [{ name: text }],
            annotations: { [text]: text },
          },
        }),
      ]),
    ),
  };
}

/** What `manifests` contain, with `names` and `text` in place of the plain ones. Checksums depend on these. */
function contentOf(manifests: Manifests | undefined, replace: (text: string) => string): unknown {
  const visit = (value: unknown): unknown => {
    if (typeof value === 'string') return replace(value.replaceAll(CHECKSUMS, 'checksum'));
    if (Array.isArray(value)) return value.map((item) => visit(item));
    if (!isMapping(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        replace(key),
        // Its quotes depend on the text.
        key === 'holdfast/config' ? visit(parse(String(member))) : visit(member),
      ]),
    );
  };
  return manifests?.all.map((manifest) => visit(manifest));
}

describe('every string stays a string', async () => {
  const values = readChartValues(await readFile(join(CHART, 'values.yaml'), 'utf8'));
  const plain = new Map<string, Promise<Record<string, Manifests>>>();
  /** Everything with strings without a second meaning. A name that begins with a digit is treated differently. */
  const plainOf = (name: string): Promise<Record<string, Manifests>> => {
    const rendered =
      plain.get(name) ?? renderVariants(variantsOf(values, name, PLAIN), { release: name, namespace: name });
    plain.set(name, rendered);
    return rendered;
  };

  it.each(STRINGS.map((text, index) => [text, NAMES[index % NAMES.length] ?? '']))(
    'such as %j, in a release and namespace %s',
    async (text, name) => {
      const plainName = /^\d/.test(name) ? '9zplain' : 'zplain';
      const expected = await plainOf(plainName);
      const rendered = await renderVariants(variantsOf(values, name, text), { release: name, namespace: name });
      for (const [variant, manifests] of Object.entries(rendered)) {
        const replace = (found: string): string => found.replaceAll(plainName, name).replaceAll(PLAIN, () => text);
        expect(
          contentOf(manifests, (found) => found),
          variant,
        ).toEqual(contentOf(expected[variant], replace));
        // Helm, Flux and kustomize read YAML 1.1, where `on` and 1:30 are not strings.
        const old = parseAllDocuments(manifests.yaml, { version: '1.1' }).flatMap((document) => document.toJS() ?? []);
        expect(old, variant).toEqual(manifests.all);
      }
    },
  );

  it('also if YAML has already read it as something else in labels, annotations, selectors and variables', async () => {
    const map = { number: 20_241_127, boolean: true, nothing: null };
    const text = { number: '20241127', boolean: 'true' };
    const manifests = await render({
      commonLabels: map,
      commonAnnotations: map,
      podLabels: map,
      podAnnotations: map,
      nodeSelector: map,
      tolerations: [{ key: 'a', value: true }],
      extraEnv: [{ name: 'A', value: 20_241_127 }],
      service: { annotations: map },
    });
    const { template } = manifests.deployment.spec;
    expect(template.metadata.labels).toMatchObject(text);
    expect(template.metadata.annotations).toMatchObject(text);
    expect(template.spec.nodeSelector).toEqual(text);
    expect(template.spec.tolerations).toEqual([{ key: 'a', value: 'true' }]);
    expect(template.spec.containers[0].env).toContainEqual({ name: 'A', value: '20241127' });
    expect(manifests.get('Service', 'test-holdfast').metadata.annotations).toEqual(text);
  });
});
