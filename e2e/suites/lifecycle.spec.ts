import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { Namespace } from '../support/namespace.js';
import { CHART, Release, type Values } from '../support/release.js';

const NAMESPACE = 'e2e-lifecycle';

interface Deployment {
  readonly metadata: { readonly managedFields: readonly ManagedFields[] };
  readonly spec: {
    readonly replicas: number;
    readonly selector: object;
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly image: string }[] };
    };
  };
}

interface ManagedFields {
  readonly manager: string;
  readonly subresource?: string;
  readonly fieldsV1: { readonly 'f:spec'?: { readonly 'f:replicas'?: object } };
}

async function get<T>(...what: string[]): Promise<T> {
  const text = await kubectl(['get', ...what, '--namespace', NAMESPACE, '--output=json', '--show-managed-fields']);
  return JSON.parse(text) as T;
}

function deployment(): Promise<Deployment> {
  return get('deployment/holdfast');
}

/** The gateway's configuration file. */
async function configuration(): Promise<string | undefined> {
  return (await deployment()).spec.template.metadata.annotations['holdfast/config'];
}

async function secrets(): Promise<object[]> {
  const { items } = await get<{ items: { data: object }[] }>(
    'secrets',
    '--selector=app.kubernetes.io/instance=holdfast',
  );
  return items.map(({ data }) => data);
}

/** The lowest number of replicas that the Deployment requests during `action`. */
async function lowestCount(action: () => Promise<void>): Promise<number> {
  const seen: number[] = [];
  const watch = new AbortController();
  const watching = (async () => {
    while (!watch.signal.aborted) seen.push((await deployment()).spec.replicas);
  })();
  try {
    await action();
  } finally {
    watch.abort();
    await watching;
  }
  return Math.min(...seen, (await deployment()).spec.replicas);
}

/** Waits until `condition` holds. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await kubectl(['get', 'namespace', NAMESPACE]);
}

describe('the chart', () => {
  let release: Release;
  /** The revision with two pods, before there was an autoscaler. */
  let withTwo: string;

  let namespace: Namespace;

  const upgrade = async (values: Values = {}, ...options: string[]): Promise<void> => {
    await release.helm(['upgrade', 'holdfast', CHART, '--wait', ...options], values);
  };

  beforeAll(async () => {
    namespace = await Namespace.create(Cluster.connect(), 'lifecycle');
    release = new Release(namespace);
  });

  afterAll(() => namespace?.remove());

  beforeEach(() => namespace.collectOnFailure());

  it.each(['values.yaml', ...readdirSync(join(CHART, 'presets')).map((file) => `presets/${file}`)])(
    'renders objects with %s that the API server accepts',
    async (file) => {
      const rendered = await release.helm(['template', 'dry', CHART, '--no-hooks', '--values', join(CHART, file)]);
      const custom = /^kind: (BackendConfig|FrontendConfig)$/m;
      const known = rendered.split(/^---$/m).filter((object) => !custom.test(object));
      expect(
        await kubectl(
          ['apply', '--server-side', '--dry-run=server', '--namespace', NAMESPACE, '--filename=-'],
          known.join('---\n'),
        ),
      ).toContain('deployment.apps/dry-holdfast serverside-applied (server dry run)');
    },
  );

  it('is ready within 60 s in a restricted namespace, without any values', async () => {
    const start = performance.now();
    await release.helm(['install', 'holdfast', CHART, '--wait', '--timeout=60s'], {});
    expect(performance.now() - start).toBeLessThan(60_000);
    expect(await release.podNames()).toHaveLength(3);
  });

  it('passes its own test', async () => {
    expect(await release.helm(['test', 'holdfast'])).toMatch(/^Phase: +Succeeded$/m);
    // It removes its pod.
    const { items } = await get<{ items: object[] }>('pods', '--selector=app.kubernetes.io/component=test');
    expect(items).toEqual([]);
  });

  it('keeps its secrets, its selector and its pods through an upgrade that changes nothing', async () => {
    const before = [await secrets(), (await deployment()).spec.selector, await release.podNames()];
    await upgrade();
    expect([await secrets(), (await deployment()).spec.selector, await release.podNames()]).toEqual(before);
    await release.helm(['upgrade', 'holdfast', CHART, '--reuse-values']);
    expect([await secrets(), (await deployment()).spec.selector, await release.podNames()]).toEqual(before);
  });

  it('can be upgraded after `kubectl set image`, by force', async () => {
    const { image } = (await deployment()).spec.template.spec.containers[0] ?? {};
    await kubectl(['set', 'image', 'deployment/holdfast', 'gateway=holdfast.test/none:0', '--namespace', NAMESPACE]);
    await expect(upgrade()).rejects.toThrow('conflict with "kubectl-set"');
    await upgrade({}, '--force-conflicts');
    expect((await deployment()).spec.template.spec.containers[0]?.image).toBe(image);
    await upgrade();
  });

  it('can be upgraded after `kubectl scale`, with that replicaCount or by force', async () => {
    await kubectl(['scale', 'deployment/holdfast', '--replicas=4', '--namespace', NAMESPACE]);
    await expect(upgrade()).rejects.toThrow('conflict with "kubectl" with subresource "scale"');
    await upgrade({ replicaCount: 4 });
    await upgrade({ replicaCount: 2 }, '--force-conflicts');
    expect((await deployment()).spec.replicas).toBe(2);
  });

  it('can be upgraded after `kubectl rollout restart`, which is kept', async () => {
    await kubectl(['rollout', 'restart', 'deployment/holdfast', '--namespace', NAMESPACE]);
    await kubectl(['rollout', 'status', 'deployment/holdfast', '--namespace', NAMESPACE]);
    const pods = await release.podNames();
    await upgrade({ replicaCount: 2 });
    expect(await release.podNames()).toEqual(pods);
    const history = await release.helm(['history', 'holdfast', '--max=1', '--output=json']);
    withTwo = String((JSON.parse(history) as { revision: number }[])[0]?.revision);
  });

  it('never lowers the count when autoscaling is enabled', async () => {
    const autoscaling = { enabled: true, minReplicas: 2, maxReplicas: 4 };
    expect(await lowestCount(() => upgrade({ autoscaling }))).toBe(2);
    expect(await lowestCount(() => upgrade({ autoscaling }))).toBe(2);
    const more = { ...autoscaling, minReplicas: 3 };
    await upgrade({ autoscaling: more });
    await until(async () => (await deployment()).spec.replicas === 3);
    expect(await lowestCount(() => upgrade({ autoscaling: more }))).toBe(3);
    const owners = (await deployment()).metadata.managedFields.filter(
      ({ fieldsV1 }) => fieldsV1['f:spec']?.['f:replicas'],
    );
    expect(owners.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['kube-controller-manager', 'scale'],
    ]);
  });

  it('refuses a rollback that would lower the count', async () => {
    const autoscaling = { enabled: true, minReplicas: 4, maxReplicas: 4 };
    await upgrade({ autoscaling });
    await until(async () => (await deployment()).spec.replicas === 4);
    await expect(release.helm(['rollback', 'holdfast', withTwo])).rejects.toThrow(
      'conflict with "kube-controller-manager" with subresource "scale"',
    );
    expect((await deployment()).spec.replicas).toBe(4);
    // Helm considers its last attempt to be the current state, and would not remove the autoscaler without this.
    await upgrade({ autoscaling });
  });

  it('refuses to disable autoscaling with fewer pods than are running, and accepts the same number', async () => {
    await expect(upgrade({ replicaCount: 2 })).rejects.toThrow('replicaCount: the autoscaler runs 4 pods');
    expect(await lowestCount(() => upgrade({ replicaCount: 4 }))).toBe(4);
    await kubectl(['scale', 'deployment/holdfast', '--replicas=2', '--namespace', NAMESPACE]);
    await upgrade({ replicaCount: 2 });
  });

  it('can be rolled back with its configuration, by Helm and by kubectl', async () => {
    await upgrade({ replicaCount: 2, config: { keyWindow: 60 } });
    await release.helm(['rollback', 'holdfast', '--wait']);
    expect(await configuration()).not.toContain('keyWindow');
    await kubectl(['rollout', 'undo', 'deployment/holdfast', '--namespace', NAMESPACE]);
    await kubectl(['rollout', 'status', 'deployment/holdfast', '--timeout=170s', '--namespace', NAMESPACE]);
    expect(await configuration()).toContain('keyWindow: 60');
  });

  it('leaves nothing behind after uninstalling', async () => {
    await release.helm(['uninstall', 'holdfast', '--wait']);
    await kubectl(['wait', 'pods', '--all', '--for=delete', '--timeout=170s', '--namespace', NAMESPACE]);
    const kinds = (await kubectl(['api-resources', '--namespaced', '--verbs=list', '--output=name']))
      .trim()
      .split('\n');
    const left = await kubectl([
      'get',
      kinds.filter((kind) => !kind.startsWith('events')).join(','),
      '--output=name',
      '--namespace',
      NAMESPACE,
    ]);
    expect(left.trim().split('\n').toSorted()).toEqual(['configmap/kube-root-ca.crt', 'serviceaccount/default']);
  });
});
