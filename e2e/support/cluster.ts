import {
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  NetworkingV1Api,
  type KubernetesObject,
  type V1Pod,
} from '@kubernetes/client-node';

/** The cluster of KUBECONFIG. */
export class Cluster {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly autoscaling: AutoscalingV2Api;
  readonly networking: NetworkingV1Api;
  readonly #objects: KubernetesObjectApi;

  constructor(readonly config: KubeConfig) {
    this.core = config.makeApiClient(CoreV1Api);
    this.apps = config.makeApiClient(AppsV1Api);
    this.autoscaling = config.makeApiClient(AutoscalingV2Api);
    this.networking = config.makeApiClient(NetworkingV1Api);
    this.#objects = KubernetesObjectApi.makeApiClient(config);
  }

  /** @throws Error if KUBECONFIG does not name a cluster. */
  static connect(): Cluster {
    if (process.env['KUBECONFIG'] === undefined) throw new Error('set KUBECONFIG, or run `npm run e2e`, which sets it');
    const config = new KubeConfig();
    config.loadFromDefault();
    return new Cluster(config);
  }

  /** Creates an object of any kind. */
  async create(object: KubernetesObject & Readonly<Record<string, unknown>>): Promise<void> {
    await this.#objects.create(object);
  }

  /** The nodes' internal addresses, by their names. */
  async nodes(): Promise<ReadonlyMap<string, string>> {
    const { items } = await this.core.listNode();
    return new Map(
      items.map(({ metadata, status }) => [
        metadata?.name ?? '',
        status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
      ]),
    );
  }

  async pods(namespace: string, labelSelector: string): Promise<V1Pod[]> {
    return (await this.core.listNamespacedPod({ namespace, labelSelector })).items;
  }
}

export function isReady({ metadata, status }: V1Pod): boolean {
  return (
    metadata?.deletionTimestamp === undefined &&
    status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  );
}

export function nameOf({ metadata }: { readonly metadata?: { readonly name?: string } }): string {
  return metadata?.name ?? '';
}
