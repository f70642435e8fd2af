import type {
  KubernetesObject,
  V1Deployment,
  V1Ingress,
  V1Node,
  V1Pod,
  V1Service,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import { selects } from '../../src/doctor/gateway/labels.js';
import type { HttpRoute, Snapshot } from '../../src/doctor/snapshot/snapshot.js';

/** A snapshot that a test may change. */
export type Draft = {
  -readonly [Key in keyof Snapshot]: Snapshot[Key] extends (infer List) | undefined
    ? Mutable<NonNullable<List>>
    : never;
};

type Mutable<List> = List extends readonly (infer Item)[]
  ? Item[]
  : List extends ReadonlyMap<infer Key, infer Value>
    ? Map<Key, Value>
    : List;

export const NOW = new Date('2026-11-29T03:00:00Z');
const STARTED = new Date('2026-11-28T03:00:00Z');
export const ADDRESS = '203.0.113.10';
const NODES = ['node-1', 'node-2', 'node-3'];

/** Each class of the cluster, and who serves it. */
const CLASSES: Readonly<Record<string, string>> = {
  nginx: 'k8s.io/ingress-nginx',
  traefik: 'traefik.io/ingress-controller',
  alb: 'ingress.k8s.aws/alb',
  'azure-application-gateway': 'azure/application-gateway',
};

/** What Kubernetes would contain if these objects had been applied, and all was well. */
export function healthy(manifests: readonly object[], namespace: string): Draft {
  const objects = structuredClone(manifests) as KubernetesObject[];
  const find = <T extends KubernetesObject>(kind: string): T[] =>
    objects.filter((object) => object.kind === kind) as T[];
  const deployments = find<V1Deployment>('Deployment');
  const autoscalers = find<V2HorizontalPodAutoscaler>('HorizontalPodAutoscaler');
  for (const deployment of deployments) {
    const scaled = autoscalers.find(({ spec }) => spec?.scaleTargetRef.name === deployment.metadata?.name);
    if (deployment.spec !== undefined)
      deployment.spec.replicas = scaled?.spec?.minReplicas ?? deployment.spec.replicas ?? 1;
    deployment.status = {
      conditions: [
        { type: 'Available', status: 'True' },
        { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
      ],
    };
  }
  const pods = deployments.flatMap((deployment) => podsOf(deployment, namespace));
  const services = find<V1Service>('Service');
  const routes = find('HTTPRoute') as HttpRoute[];
  for (const service of services) {
    if (service.spec?.type === 'LoadBalancer') service.status = { loadBalancer: { ingress: [{ ip: ADDRESS }] } };
  }
  return {
    takenAt: NOW,
    namespace,
    deployments,
    pods,
    services,
    endpointSlices: services.map(({ metadata, spec }) => ({
      addressType: 'IPv4',
      metadata: { labels: { 'kubernetes.io/service-name': metadata?.name ?? '' } },
      endpoints: pods
        .filter((pod) => selects(spec?.selector, pod.metadata?.labels))
        .map(({ status }) => ({ addresses: [status?.podIP ?? ''], conditions: { ready: true } })),
    })),
    ingresses: find<V1Ingress>('Ingress').map((ingress) =>
      Object.assign(ingress, { status: { loadBalancer: { ingress: [{ ip: ADDRESS }] } } }),
    ),
    routes: routes.map((route) =>
      Object.assign(route, {
        status: {
          parents: (route.spec?.parentRefs ?? []).map((parentRef) => ({
            parentRef,
            conditions: [
              { type: 'Accepted', status: 'True' },
              { type: 'ResolvedRefs', status: 'True' },
            ],
          })),
        },
      }),
    ),
    backendConfigs: find('BackendConfig'),
    autoscalers: autoscalers.map((autoscaler) =>
      Object.assign(autoscaler, {
        status: {
          desiredReplicas: 3,
          conditions: [
            { type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound', lastTransitionTime: STARTED },
          ],
        },
      }),
    ),
    disruptionBudgets: find('PodDisruptionBudget'),
    networkPolicies: find('NetworkPolicy'),
    events: [],
    configMaps: find('ConfigMap'),
    ingressClasses: Object.entries(CLASSES).map(([name, controller]) => ({ metadata: { name }, spec: { controller } })),
    nodes: NODES.map((name) => node(name)),
    namespaces: [namespace, 'ingress-nginx', 'traefik'].map((name) => ({
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    })),
    allPods: [
      ...pods,
      controllerPod('ingress-nginx', '--configmap=$(POD_NAMESPACE)/ingress-nginx-controller'),
      controllerPod('traefik'),
    ],
    controllerConfigMaps: [{ metadata: { name: 'ingress-nginx-controller', namespace: 'ingress-nginx' }, data: {} }],
    logs: new Map(),
    unexamined: [],
  };
}

function podsOf({ metadata, spec }: V1Deployment, namespace: string): V1Pod[] {
  const containers = spec?.template.spec?.containers ?? [];
  return Array.from({ length: spec?.replicas ?? 1 }, (_, index) => ({
    metadata: {
      name: `${metadata?.name}-5d9c7b6f4-abcd${index}`,
      namespace,
      labels: { ...spec?.template.metadata?.labels, 'pod-template-hash': '5d9c7b6f4' },
      creationTimestamp: STARTED,
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${metadata?.name}-5d9c7b6f4`, uid: '1', controller: true },
      ],
    },
    spec: Object.assign({ containers }, spec?.template.spec, { nodeName: NODES[index % NODES.length] ?? '' }),
    status: {
      phase: 'Running',
      podIP: `10.0.0.${index + 10}`,
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: 'True' },
      ],
      containerStatuses: containers.map(({ name, image = '' }) => ({
        name,
        image,
        imageID: image,
        ready: true,
        restartCount: 0,
        state: { running: { startedAt: STARTED } },
      })),
    },
  }));
}

function node(name: string): V1Node {
  return {
    metadata: { name, labels: { 'topology.kubernetes.io/zone': `zone-${name}` } },
    spec: {},
    status: { allocatable: { cpu: '2', memory: '4Gi' } },
  };
}

function controllerPod(name: string, ...args: string[]): V1Pod {
  return {
    metadata: { name: `${name}-0`, namespace: name, labels: { 'app.kubernetes.io/name': name } },
    spec: { containers: [{ name: 'controller', args }] },
    status: { phase: 'Running', podIP: '10.0.9.9' },
  };
}
