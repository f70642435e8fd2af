import type { ApiException, KubeConfig, V1Pod } from '@kubernetes/client-node';
import { EXIT, Failure } from '../../failure.js';
import type { Unexamined } from '../finding.js';
import { describeGateway, findDeployment, isReady } from '../gateway/gateway.js';
import { nameOf } from '../gateway/labels.js';
import { controllerConfigMaps } from './controller-config-maps.js';
import type { BackendConfig, HttpRoute, Known, Snapshot } from './snapshot.js';

/** What a log may have at the end, in lines. */
const LOG_LINES = 60;

/** In ms. */
const ANSWER_WITHIN = 15_000;

/**
 * Loads the library only here: it is large, and the other commands do not need it. The image does not have it.
 *
 * @throws Failure if it is not installed.
 */
export async function loadKubernetes() {
  try {
    return await import('@kubernetes/client-node');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new Failure(
      EXIT.usage,
      'doctor needs the package @kubernetes/client-node, which the image does not have: use npx holdfast',
    );
  }
}

/**
 * Reads everything that the checks need, once, and never a Secret.
 *
 * @param deployment the name of the Deployment, if it is not the only one of a gateway.
 * @throws Failure
 */
export async function readSnapshot(config: KubeConfig, namespace: string, deployment?: string): Promise<Snapshot> {
  const kubernetes = await loadKubernetes();
  const reader = new Reader(namespace);
  const core = config.makeApiClient(kubernetes.CoreV1Api);
  const apps = config.makeApiClient(kubernetes.AppsV1Api);
  const networking = config.makeApiClient(kubernetes.NetworkingV1Api);
  const policy = config.makeApiClient(kubernetes.PolicyV1Api);
  const autoscaling = config.makeApiClient(kubernetes.AutoscalingV2Api);
  const discovery = config.makeApiClient(kubernetes.DiscoveryV1Api);
  const custom = config.makeApiClient(kubernetes.CustomObjectsApi);
  const here = { namespace };

  // These are required, so they come first: if the cluster cannot be reached, nothing else needs to be tried.
  const [deployments, pods, services] = await Promise.all([
    reader.require('Deployments', apps.listNamespacedDeployment(here)),
    reader.require('pods', core.listNamespacedPod(here)),
    reader.require('Services', core.listNamespacedService(here)),
  ]);
  const [endpointSlices, ingresses, autoscalers, disruptionBudgets, networkPolicies, events, configMaps] =
    await Promise.all([
      reader.list('EndpointSlices', discovery.listNamespacedEndpointSlice(here)),
      reader.list('Ingresses', networking.listNamespacedIngress(here)),
      reader.list('HorizontalPodAutoscalers', autoscaling.listNamespacedHorizontalPodAutoscaler(here)),
      reader.list('PodDisruptionBudgets', policy.listNamespacedPodDisruptionBudget(here)),
      reader.list('NetworkPolicies', networking.listNamespacedNetworkPolicy(here)),
      reader.list('events', core.listNamespacedEvent(here)),
      reader.list('ConfigMaps', core.listNamespacedConfigMap(here)),
    ]);
  const [ingressClasses, nodes, namespaces, allPods, routes, backendConfigs] = await Promise.all([
    reader.list('IngressClasses', networking.listIngressClass()),
    reader.list('nodes', core.listNode()),
    reader.list('namespaces', core.listNamespace()),
    reader.list('pods of other namespaces, such as those of the ingress controller', core.listPodForAllNamespaces()),
    reader.list(
      'HTTPRoutes',
      custom.listNamespacedCustomObject({
        group: 'gateway.networking.k8s.io',
        version: 'v1',
        namespace,
        plural: 'httproutes',
      }) as Promise<{ items: HttpRoute[] }>,
    ),
    reader.list(
      'BackendConfigs',
      custom.listNamespacedCustomObject({
        group: 'cloud.google.com',
        version: 'v1',
        namespace,
        plural: 'backendconfigs',
      }) as Promise<{ items: BackendConfig[] }>,
    ),
  ]);
  const ofControllers = await Promise.all(
    controllerConfigMaps(allPods ?? []).map(async ({ namespace: of, name }) =>
      reader.list(
        `the ConfigMap of the ingress controller in namespace ${of}`,
        core.listNamespacedConfigMap({ namespace: of, fieldSelector: `metadata.name=${name}` }),
      ),
    ),
  );
  const snapshot: Snapshot = {
    takenAt: new Date(),
    namespace,
    deployments,
    pods,
    services,
    endpointSlices,
    ingresses,
    routes,
    backendConfigs,
    autoscalers,
    disruptionBudgets,
    networkPolicies,
    events,
    configMaps,
    ingressClasses,
    nodes,
    namespaces,
    allPods,
    controllerConfigMaps: ofControllers.flatMap((found) => found ?? []),
    logs: new Map(),
    unexamined: reader.unexamined,
  };
  const gateway = describeGateway(snapshot, findDeployment(snapshot, deployment));
  const logs = await Promise.all(
    gateway.pods.filter(hasTrouble).map(async (pod) => {
      const name = nameOf(pod);
      const log = await reader.log(name, (previous) =>
        core.readNamespacedPodLog({
          name,
          namespace,
          container: gateway.container.name,
          previous,
          tailLines: LOG_LINES,
        }),
      );
      return [name, log] as const;
    }),
  );
  return { ...snapshot, logs: new Map(logs), unexamined: reader.unexamined };
}

function hasTrouble(pod: V1Pod): boolean {
  return !isReady(pod) || (pod.status?.containerStatuses ?? []).some(({ restartCount }) => restartCount > 0);
}

class Reader {
  readonly unexamined: Unexamined[] = [];

  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** @throws Failure if it cannot be read. */
  async require<T>(what: string, request: Promise<{ items: T[] }>): Promise<readonly T[]> {
    try {
      return (await withinTime(request)).items;
    } catch (error) {
      const status = statusOf(error);
      if (status === 403)
        throw new Failure(
          EXIT.failed,
          `you may not list ${what} of namespace ${this.#namespace}: doctor needs the role view`,
        );
      if (status === 401)
        throw new Failure(
          EXIT.unreachable,
          'the cluster refuses your credentials: log in again, and check with `kubectl get pods`',
        );
      throw new Failure(
        EXIT.unreachable,
        `cannot reach the cluster (${describe(error)}): check with \`kubectl get pods\``,
      );
    }
  }

  async list<T>(what: string, request: Promise<{ items: T[] }>): Promise<Known<T>> {
    try {
      return (await withinTime(request)).items;
    } catch (error) {
      const status = statusOf(error);
      // The cluster does not have this kind.
      if (status === 404) return [];
      this.unexamined.push({ what, why: status === 403 ? 'you may not list them' : describe(error) });
      return undefined;
    }
  }

  /** The log of the container that ended, or else of the one that runs. */
  async log(pod: string, read: (previous: boolean) => Promise<string>): Promise<string> {
    try {
      const ended = await withinTime(read(true)).catch(() => '');
      return `${ended}\n${await withinTime(read(false)).catch((error: unknown) => {
        if (statusOf(error) === 403) throw error;
        return '';
      })}`;
    } catch {
      this.unexamined.push({ what: `the log of pod ${pod}`, why: 'you may not read it' });
      return '';
    }
  }
}

async function withinTime<T>(request: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_WITHIN} ms`)), ANSWER_WITHIN);
  try {
    return await Promise.race([request, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function statusOf(error: unknown): number | undefined {
  const { code } = error as Partial<ApiException<unknown>>;
  return typeof code === 'number' ? code : undefined;
}

function describe(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined) return `status ${status}`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
