import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
  type V1Pod,
  type V1Service,
} from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { isReady, nameOf, type Cluster } from './cluster.js';
import { command } from './command.js';
import { IMAGE_VALUES } from './images.js';
import type { Namespace } from './namespace.js';

export const CHART = new URL('../../charts/holdfast', import.meta.url).pathname;

const NAME = 'holdfast';
const SELECTOR =
  'app.kubernetes.io/name=holdfast,app.kubernetes.io/instance=holdfast,app.kubernetes.io/component=gateway';

export type Values = Readonly<Record<string, unknown>>;

/** Values with which pods start and stop quickly. */
export const QUICK = {
  timeouts: { preStop: 0, settle: 2, drain: 2, margin: 2 },
  probes: { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } },
};

/** A release of the chart in a namespace, named `holdfast`. */
export class Release {
  readonly name = NAME;
  readonly selector = SELECTOR;

  constructor(readonly namespace: Namespace) {}

  get cluster(): Cluster {
    return this.namespace.cluster;
  }

  /** Runs `helm upgrade --install`, and waits until its pods are ready and the old ones are gone. Replaces all previous values. */
  async apply(values: Values = {}, args: readonly string[] = []): Promise<void> {
    await this.helm(['upgrade', NAME, CHART, '--install', '--wait', '--timeout=120s', ...args], values);
    await this.rolledOut();
  }

  /** Runs helm in the namespace of the release. */
  helm(args: readonly string[], values?: Values): Promise<string> {
    const all = ['--namespace', this.namespace.name, ...args];
    if (values === undefined) return command('helm', all, { timeout: 240_000 });
    const input = stringify(merged(IMAGE_VALUES, values));
    return command('helm', [...all, '--values', '-'], { timeout: 240_000, input });
  }

  pods(): Promise<V1Pod[]> {
    return this.cluster.pods(this.namespace.name, SELECTOR);
  }

  /** The names of the gateway's pods that are not being deleted. */
  async podNames(): Promise<string[]> {
    return (await this.pods()).filter(({ metadata }) => metadata?.deletionTimestamp === undefined).map(nameOf);
  }

  /** Starts to stop a pod, like a rollout or a drain. */
  async stop(pod: string): Promise<void> {
    await this.cluster.core.deleteNamespacedPod({ namespace: this.namespace.name, name: pod });
  }

  /** Resolves when a pod has ended. */
  async gone(pod: string): Promise<void> {
    while ((await this.pods()).some((other) => nameOf(other) === pod)) await sleep(100);
  }

  async readyPods(): Promise<V1Pod[]> {
    return (await this.pods()).filter((pod) => isReady(pod));
  }

  async readDeployment(): Promise<V1Deployment> {
    return this.cluster.apps.readNamespacedDeployment({ namespace: this.namespace.name, name: NAME });
  }

  /** Applies a strategic merge patch to the Deployment. */
  async patch(body: object): Promise<void> {
    await this.cluster.apps.patchNamespacedDeployment(
      { namespace: this.namespace.name, name: NAME, body },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
  }

  /** Does the same as `kubectl rollout restart`. */
  async restart(): Promise<void> {
    const restartedAt = new Date().toISOString();
    await this.patch({
      spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': restartedAt } } } },
    });
  }

  async scale(replicas: number): Promise<void> {
    await this.patch({ spec: { replicas } });
  }

  /** Kills all pods at once. Resolves when none is left. */
  async scaleToNone(): Promise<void> {
    await this.scale(0);
    // Otherwise the ReplicaSet would replace them.
    while ((await this.pods()).some(({ metadata }) => metadata?.deletionTimestamp === undefined)) await sleep(100);
    await this.cluster.core.deleteCollectionNamespacedPod({
      namespace: this.namespace.name,
      labelSelector: SELECTOR,
      gracePeriodSeconds: 0,
    });
    await this.rolledOut();
  }

  /** Resolves when all pods of the current revision are ready, and all others are gone. */
  async rolledOut(timeout = 180_000): Promise<void> {
    const deadline = Date.now() + timeout;
    for (;;) {
      const { metadata, spec, status } = await this.readDeployment();
      const pods = await this.pods();
      const wanted = spec?.replicas ?? 1;
      if (
        status?.observedGeneration === metadata?.generation &&
        (status?.updatedReplicas ?? 0) === wanted &&
        (status?.availableReplicas ?? 0) === wanted &&
        pods.length === wanted &&
        pods.every((pod) => isReady(pod))
      ) {
        return;
      }
      if (Date.now() > deadline) {
        throw new Error(`not rolled out within ${timeout} ms: ${wanted} wanted, ${pods.map(nameOf).join(', ')}`);
      }
      await sleep(200);
    }
  }

  /** Creates another Service of the release's pods, or of those that also have these labels. */
  createService(
    name: string,
    type: 'ClusterIP' | 'NodePort',
    labels: Readonly<Record<string, string>> = {},
  ): Promise<V1Service> {
    const selector = { ...Object.fromEntries(SELECTOR.split(',').map((pair) => pair.split('=', 2))), ...labels };
    return this.cluster.core.createNamespacedService({
      namespace: this.namespace.name,
      body: {
        metadata: { name },
        spec: { type, selector, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
      },
    });
  }

  /** A value of the Secret with the gateway's keys. */
  async secret(key: string): Promise<string> {
    const { items } = await this.cluster.core.listNamespacedSecret({
      namespace: this.namespace.name,
      labelSelector: 'app.kubernetes.io/instance=holdfast',
    });
    const value = items.map(({ data }) => data?.[key]).find((found) => found !== undefined);
    if (value === undefined) throw new Error(`no Secret of the release has the key ${key}`);
    return Buffer.from(value, 'base64').toString();
  }
}

/** Merges mappings like Helm merges values. */
export function merged(base: Values, over: Values): Values {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    result[name] = isMapping(before) && isMapping(value) ? merged(before, value) : value;
  }
  return result;
}

function isMapping(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isDeepStrictEqual(value, {});
}
