import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Cluster } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { Namespace } from '../support/namespace.js';
import { CHART, Release, type Values } from '../support/release.js';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

let namespace: Namespace;
let release: Release;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'defaults');
  release = new Release(namespace);
});

afterAll(() => namespace?.remove());

function parse(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const content = document.toJS() as (Manifest & { items?: Manifest[] }) | null;
    return content === null ? [] : (content.items ?? [content]);
  });
}

/** Whether Kubernetes defines the kind itself. GitOps tools know the defaults of those, and which of their lists are merged. */
function isBuiltIn({ apiVersion }: Manifest): boolean {
  return !apiVersion.includes('.') || apiVersion.includes('.k8s.io/') ? !apiVersion.startsWith('gateway.') : false;
}

/** What differs in `live` from `desired`, as paths. Other members of mappings are not compared; lists of custom resources are compared as a whole. */
function differences(desired: unknown, live: unknown, exact: boolean, path = ''): string[] {
  if (Array.isArray(desired)) {
    if (!Array.isArray(live) || live.length !== desired.length) return [path];
    return desired.flatMap((item, index) => [
      ...differences(item, live[index], exact, `${path}[${index}]`),
      ...(exact ? differences(live[index], item, exact, `${path}[${index}]`) : []),
    ]);
  }
  if (typeof desired !== 'object' || desired === null) return desired === live ? [] : [path];
  if (typeof live !== 'object' || live === null) return [path];
  return Object.entries(desired).flatMap(([name, member]) =>
    differences(member, (live as Record<string, unknown>)[name], exact, `${path}.${name}`),
  );
}

/** A dry run creates no ServiceAccount, without which a pod is refused. */
const WITHOUT_POD: Values = { test: { enabled: false } };
const PARENT = { name: 'public', namespace: 'gateways', sectionName: 'https' };

it.each<[name: string, values: Values, kinds: string[]]>([
  [
    'behind an Ingress',
    {
      ...WITHOUT_POD,
      ingress: { enabled: true, controller: 'traefik', hosts: ['defaults.e2e.test'] },
      // Traefik's redirect needs its own resources, which a test cluster may not have.
      tls: { enabled: true, secretName: 'tls', redirect: false },
      networkPolicy: { enabled: true, ipBlocks: ['10.0.0.0/8'], egress: { jwks: { ports: [443] } } },
      autoscaling: { enabled: true },
      broker: { migration: { enabled: true, existingSecret: 'owner' } },
      sessionAffinity: { mode: 'clientIP' },
      redis: { persistence: { enabled: true } },
    },
    ['Ingress', 'NetworkPolicy', 'HorizontalPodAutoscaler', 'PersistentVolumeClaim'],
  ],
  [
    'behind a Gateway',
    {
      ...WITHOUT_POD,
      gateway: { enabled: true, hostnames: ['defaults.e2e.test'], parentRefs: [PARENT], redirectParentRefs: [PARENT] },
      tls: { enabled: true },
    },
    ['HTTPRoute', 'Deployment'],
  ],
])('the API server changes nothing in the objects %s, so GitOps tools see no difference', async (_, values, kinds) => {
  const desired = parse(await release.helm(['template', release.name, CHART], values));
  const input = desired.map((manifest) => JSON.stringify(manifest)).join('\n---\n');
  const live = parse(
    await kubectl(['apply', '--server-side', '--dry-run=server', '--output=yaml', '--filename=-'], input),
  );
  expect(desired.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
  expect(live).toHaveLength(desired.length);
  for (const manifest of desired) {
    const { kind, metadata } = manifest;
    const found = live.find((candidate) => candidate.kind === kind && candidate.metadata.name === metadata.name);
    expect(differences(manifest, found, !isBuiltIn(manifest)), `${kind}/${metadata.name}`).toEqual([]);
  }
});
