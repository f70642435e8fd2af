import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { command, kubectl } from './command.js';

const MANIFESTS = new URL('../keda/manifests', import.meta.url).pathname;
/** See keda/kustomization.yaml. */
const OURS = 'app.kubernetes.io/part-of=holdfast-e2e';
const NAMESPACE = 'keda';
/** The objects of KEDA that the suite makes. */
const FINALIZED = 'scaledobjects,triggerauthentications';
const API = 'v1beta1.external.metrics.k8s.io';

/** What a ScaledObject must match. */
interface Scaled {
  readonly name: string;
  readonly namespace: { readonly name: string };
}

/** KEDA in the cluster, without its webhooks. */
export class Keda {
  private constructor(
    private readonly cluster: Cluster,
    private readonly manifests: string,
  ) {}

  /** @throws Error if the cluster has a KEDA already, because the suite would remove it. What an earlier run of the suite left is no problem. */
  static async find(cluster: Cluster): Promise<Keda> {
    if ((await externalMetrics()) !== (await externalMetrics(`--selector=${OURS}`))) {
      throw new Error(
        `the cluster has ${API} already: use one without KEDA, because this suite installs and removes it`,
      );
    }
    return new Keda(cluster, await command(MANIFESTS, []));
  }

  async install(): Promise<void> {
    await kubectl(['apply', '--server-side', '--force-conflicts', '--filename=-'], this.manifests);
    // The operator makes the certificates, which both wait for, and restarts. Kubelets take up to a minute to notice a changed Secret.
    for (const object of ['deployment/keda-operator', 'deployment/keda-metrics-apiserver', `apiservice/${API}`]) {
      await kubectl(['wait', '--for=condition=Available', '--timeout=110s', '--namespace', NAMESPACE, object]);
    }
  }

  /** Removes it with everything that it brought, also from the whole cluster. */
  async remove(): Promise<void> {
    // Only a running KEDA can finalize its objects.
    const crd = 'customresourcedefinition/scaledobjects.keda.sh';
    const installed = await kubectl(['get', crd, '--ignore-not-found', '--output=name']);
    if (installed !== '') await kubectl(['delete', FINALIZED, '--all', '--all-namespaces', '--timeout=60s']);
    await kubectl(['delete', '--ignore-not-found', '--timeout=110s', '--filename=-'], this.manifests);
  }

  /** The connections that the autoscaler of a release is given. */
  async connections({ name, namespace }: Scaled): Promise<number> {
    const metric = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace.name}/s0-prometheus`;
    const selector = encodeURIComponent(`scaledobject.keda.sh/name=${name}`);
    const { items } = JSON.parse(await kubectl(['get', '--raw', `${metric}?labelSelector=${selector}`])) as {
      items: { value: string }[];
    };
    return items.reduce((sum, { value }) => sum + scalarOf(value), 0);
  }

  /** Resolves when the autoscaler of a release can, or cannot, compute the number of pods. */
  async computes({ name, namespace }: Scaled, able: boolean, timeout = 60_000): Promise<void> {
    const deadline = Date.now() + timeout;
    for (;;) {
      // KEDA makes it a moment after the ScaledObject.
      const { items } = await this.cluster.autoscaling.listNamespacedHorizontalPodAutoscaler({
        namespace: namespace.name,
        fieldSelector: `metadata.name=keda-hpa-${name}`,
      });
      const status = items[0]?.status;
      const active = status?.conditions?.find(({ type }) => type === 'ScalingActive');
      if (active?.status === (able ? 'True' : 'False')) return;
      if (Date.now() > deadline) throw new Error(`the autoscaler's condition is ${JSON.stringify(active)}`);
      await sleep(500);
    }
  }
}

/** The API of external metrics in the cluster. */
function externalMetrics(...args: readonly string[]): Promise<string> {
  return kubectl(['get', 'apiservices', `--field-selector=metadata.name=${API}`, '--output=name', ...args]);
}

/** The value of a quantity of Kubernetes, which writes 2000 as `2k`. */
function scalarOf(quantity: string): number {
  const [, digits, suffix] = /^([0-9.]+)(m|k|)$/.exec(quantity) ?? [];
  if (digits === undefined) throw new Error(`expected a number of connections, got ${quantity}`);
  return Number(digits) * (suffix === 'k' ? 1_000 : suffix === 'm' ? 1 / 1_000 : 1);
}
