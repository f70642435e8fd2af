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

  /** The address of the ingress controller: E2E_INGRESS_ADDRESS, or the node that it runs on. */
  async ingressAddress(): Promise<string> {
    const configured = process.env['E2E_INGRESS_ADDRESS'];
    if (configured !== undefined) return configured;
    const address = (await this.ingressController()).status?.hostIP;
    if (address === undefined)
      throw new Error('the ingress controller does not run on any node: set E2E_INGRESS_ADDRESS');
    return address;
  }

  /** The pod of the ingress controller, the newest if one is being replaced. */
  async ingressController(): Promise<V1Pod> {
    for (const labelSelector of [
      'app=traefik',
      'app.kubernetes.io/name=traefik',
      'app.kubernetes.io/name=ingress-nginx',
    ]) {
      const { items } = await this.core.listPodForAllNamespaces({ labelSelector });
      const [newest] = items.toSorted((a, b) => createdAt(b) - createdAt(a));
      if (newest !== undefined) return newest;
    }
    throw new Error('found neither Traefik nor ingress-nginx as ingress controller');
  }

  async pods(namespace: string, labelSelector: string): Promise<V1Pod[]> {
    return (await this.core.listNamespacedPod({ namespace, labelSelector })).items;
  }
}

function createdAt({ metadata }: V1Pod): number {
  return metadata?.creationTimestamp?.getTime() ?? 0;
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
