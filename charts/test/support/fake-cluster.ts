import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** An object that the chart renders by default, or looks up. */
const RESOURCES = {
  'api/v1': {
    configmaps: 'ConfigMap',
    pods: 'Pod',
    secrets: 'Secret',
    serviceaccounts: 'ServiceAccount',
    services: 'Service',
  },
  'apis/apps/v1': { deployments: 'Deployment' },
  'apis/autoscaling/v2': { horizontalpodautoscalers: 'HorizontalPodAutoscaler' },
  'apis/policy/v1': { poddisruptionbudgets: 'PodDisruptionBudget' },
} as const;

type Live = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly managedFields?: readonly object[] };
};

/**
 * Starts an API server with `objects`, all in one namespace, until the test ends. It implements only what Helm's `lookup` uses.
 *
 * @returns the arguments that make `helm template` use it.
 */
export async function fakeCluster(objects: readonly Live[]): Promise<string[]> {
  const answers = new Map<string, object>([
    ['/version', { major: '1', minor: '34', gitVersion: 'v1.34.0' }],
    ['/api', { kind: 'APIVersions', versions: ['v1'] }],
    ['/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: Object.keys(RESOURCES).flatMap(groupOf) }],
  ]);
  for (const [prefix, kinds] of Object.entries(RESOURCES)) {
    const resources = Object.entries(kinds).map(([name, kind]) => ({ name, kind, namespaced: true, verbs: ['get'] }));
    const groupVersion = prefix.replace(/^apis?\//, '');
    answers.set(`/${prefix}`, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources });
    for (const { name, kind } of resources) {
      for (const live of objects.filter((candidate) => candidate.kind === kind)) {
        const apiVersion = groupVersion;
        answers.set(`/${prefix}/namespaces/test-ns/${name}/${live.metadata.name}`, { apiVersion, ...owned(live) });
      }
    }
  }

  const server = createServer((request, response) => {
    const answer = answers.get(new URL(request.url ?? '', 'http://localhost').pathname);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
  });
  const { port } = server.address() as AddressInfo;
  return [
    '--dry-run=server',
    '--disable-openapi-validation',
    '--kube-apiserver',
    `http://127.0.0.1:${port}`,
    '--kubeconfig',
    '/dev/null',
  ];
}

function groupOf(prefix: string): object[] {
  const [api, name, version] = prefix.split('/');
  if (api !== 'apis' || version === undefined) return [];
  const groupVersion = { groupVersion: `${name}/${version}`, version };
  return [{ name, versions: [groupVersion], preferredVersion: groupVersion }];
}

/** An object of the release: Helm would not modify other objects. */
function owned(live: Live): object {
  return {
    ...live,
    metadata: {
      namespace: 'test-ns',
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'test', 'meta.helm.sh/release-namespace': 'test-ns' },
      ...live.metadata,
    },
  };
}
