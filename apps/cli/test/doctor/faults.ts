import type { V1Container, V1ContainerState, V1Deployment, V1Pod, V1PodSpec } from '@kubernetes/client-node';
import type { FindingId } from '../../src/doctor/catalogue/index.js';
import { findDeployment } from '../../src/doctor/gateway/gateway.js';
import { NO_PROBES, type EdgeProbe, type PodProbe, type Probes } from '../../src/doctor/probes/probes.js';
import { NOW, type Draft } from './healthy.js';

/** One change of a healthy release, and the one finding that it must result in. */
export interface Fault {
  readonly id: FindingId;
  readonly name: string;
  readonly break?: (target: Target) => void;
  readonly probes?: (target: Target) => Partial<Probes>;
  /** A part of the evidence. */
  readonly evidence: string;
}

/** The parts of a draft that faults change most often. They exist in every healthy release. */
export class Target {
  constructor(readonly draft: Draft) {}

  get deployment(): V1Deployment & { spec: NonNullable<V1Deployment['spec']> } {
    const deployment = findDeployment(this.draft);
    if (deployment.spec === undefined) throw new Error('a Deployment without a spec');
    return deployment as V1Deployment & { spec: NonNullable<V1Deployment['spec']> };
  }

  get name(): string {
    return this.deployment.metadata?.name ?? '';
  }

  get template(): V1PodSpec {
    return present(this.deployment.spec.template.spec);
  }

  get container(): V1Container {
    return present(this.template.containers[0]);
  }

  get pods(): V1Pod[] {
    return this.draft.pods.filter(({ metadata }) => metadata?.name?.startsWith(`${this.name}-5d9c7b6f4-`));
  }

  get service() {
    return present(this.draft.services.find(({ metadata }) => metadata?.name === this.name));
  }

  get ingress() {
    return present(this.draft.ingresses[0]);
  }

  get path() {
    return present(this.ingress.spec?.rules?.[0]?.http?.paths[0]);
  }

  /** Makes the pods not ready, with this state of their containers. */
  stopped(
    state: V1ContainerState,
    { lastState, restartCount = 0 }: { lastState?: V1ContainerState; restartCount?: number } = {},
  ): void {
    for (const { status } of this.pods) {
      const [first] = status?.containerStatuses ?? [];
      Object.assign(present(first), { state, lastState, restartCount, ready: false });
      present(status).conditions = [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: 'False' },
      ];
    }
    this.unready();
  }

  /** Makes the pods pending. */
  pending(message: string): void {
    for (const { spec, status } of this.pods) {
      delete present(spec).nodeName;
      Object.assign(present(status), {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', message }],
        containerStatuses: [],
      });
    }
    this.unready();
  }

  /** An event of the first pod. */
  event(message: string, type = 'Warning'): void {
    const name = present(this.pods[0]).metadata?.name ?? '';
    this.draft.events.push({ metadata: {}, involvedObject: { name }, message, type, lastTimestamp: NOW });
  }

  log(...lines: string[]): void {
    for (const { metadata } of this.pods) this.draft.logs.set(metadata?.name ?? '', lines.join('\n'));
  }

  unready(): void {
    for (const slice of this.draft.endpointSlices) {
      for (const endpoint of slice.endpoints ?? []) endpoint.conditions = { ready: false };
    }
  }

  /** What a client would see without the fault. */
  edge(changes: Partial<EdgeProbe> = {}): EdgeProbe {
    const host = this.ingress.spec?.rules?.[0]?.host ?? '';
    return { url: `ws://${host}/ws`, host, resolved: undefined, upgrade: { kind: 'opened' }, ...changes };
  }

  certificate(changes: Partial<NonNullable<EdgeProbe['certificate']>>): Partial<Probes> {
    const certificate = {
      subject: 'ws',
      names: ['ws.example.com'],
      validTo: new Date('2027-03-01'),
      fitsHost: true,
      untrusted: undefined,
      ...changes,
    };
    return { edges: [this.edge({ certificate })] };
  }

  /** Behind GKE's own controller. */
  onGoogle(annotations: Record<string, string> = {}): void {
    delete present(this.ingress.spec).ingressClassName;
    present(this.ingress.metadata).annotations = { 'kubernetes.io/ingress.class': 'gce' };
    Object.assign(present(this.service.metadata), { annotations });
  }

  /** What each pod says about itself. */
  states(change: (index: number) => Partial<PodProbe>): Partial<Probes> {
    return {
      pods: this.pods.map(({ metadata }, index) => ({
        pod: metadata?.name ?? '',
        brokerProblem: undefined,
        clock: undefined,
        ...change(index),
      })),
    };
  }

  broker(brokerProblem: string): Partial<Probes> {
    return { pods: this.pods.map(({ metadata }) => ({ pod: metadata?.name ?? '', brokerProblem, clock: undefined })) };
  }
}

export function probesOf({ probes }: Fault, target: Target): Probes {
  return { ...NO_PROBES, ...probes?.(target) };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the fixture lacks what this fault changes');
  return value;
}

const waiting = (reason: string, message = ''): V1ContainerState => ({ waiting: { reason, message } });
const ended = (exitCode: number, reason = 'Error'): V1ContainerState => ({
  terminated: { exitCode, reason, finishedAt: NOW },
});
const BACK_OFF = waiting('CrashLoopBackOff', 'back-off 40s restarting failed container');

const EDGE: readonly Fault[] = [
  {
    id: 'HF101',
    name: 'a host without a DNS record',
    probes: (target) => ({ edges: [target.edge({ resolved: [] })] }),
    evidence: 'DNS has no address',
  },
  {
    id: 'HF102',
    name: 'a DNS record with another address',
    probes: (target) => ({
      edges: [target.edge({ resolved: ['198.51.100.1'], upgrade: { kind: 'http', status: 404 } })],
    }),
    evidence: '198.51.100.1',
  },
  {
    id: 'HF103',
    name: 'a class that does not exist',
    break: (target) => Object.assign(present(target.ingress.spec), { ingressClassName: 'nginxx' }),
    evidence: 'there is no class nginxx',
  },
  {
    id: 'HF103',
    name: 'no class, and none is the default',
    break: (target) => delete present(target.ingress.spec).ingressClassName,
    evidence: 'no class is the default',
  },
  {
    id: 'HF103',
    name: 'a controller that does not run',
    break: ({ draft, ingress }) => {
      delete ingress.status;
      draft.allPods = draft.allPods.filter(({ metadata }) => metadata?.namespace === draft.namespace);
    },
    evidence: 'no pod of the controller',
  },
  {
    id: 'HF104',
    name: 'an Ingress without an address',
    break: ({ ingress }) => delete ingress.status,
    evidence: 'no address',
  },
  {
    id: 'HF105',
    name: 'an Ingress that names another Service',
    break: ({ path }) => Object.assign(present(path.backend.service), { name: 'other' }),
    evidence: 'Service other',
  },
  {
    id: 'HF106',
    name: 'an Ingress that names another port',
    break: ({ path }) => Object.assign(present(path.backend.service), { port: { number: 8000 } }),
    evidence: 'port 8000',
  },
  {
    id: 'HF107',
    name: 'an Ingress without the path',
    break: ({ path }) => Object.assign(path, { path: '/socket', pathType: 'Prefix' }),
    evidence: '/socket',
  },
  {
    id: 'HF107',
    name: 'an Ingress that rewrites the path',
    break: ({ ingress }) =>
      Object.assign(present(ingress.metadata), {
        annotations: { ...ingress.metadata?.annotations, 'nginx.ingress.kubernetes.io/rewrite-target': '/' },
      }),
    evidence: 'rewrite-target',
  },
  {
    id: 'HF109',
    name: 'a policy that admits nobody',
    break: ({ draft, deployment }) =>
      (draft.networkPolicies = [
        {
          metadata: { name: 'deny' },
          spec: {
            podSelector: { matchLabels: deployment.spec.selector.matchLabels ?? {} },
            policyTypes: ['Ingress'],
            ingress: [],
          },
        },
      ]),
    evidence: 'it admits nobody',
  },
  {
    id: 'HF110',
    name: 'the default certificate of a controller',
    probes: (target) => target.certificate({ subject: 'TRAEFIK DEFAULT CERT', fitsHost: false }),
    evidence: 'TRAEFIK DEFAULT CERT',
  },
  {
    id: 'HF111',
    name: 'an expired certificate',
    probes: (target) => target.certificate({ validTo: new Date('2026-11-01') }),
    evidence: 'expired on 2026-11-01',
  },
  {
    id: 'HF112',
    name: 'a certificate that is about to expire',
    probes: (target) => target.certificate({ validTo: new Date('2026-12-01') }),
    evidence: 'expires on 2026-12-01',
  },
  {
    id: 'HF113',
    name: 'a certificate for another host',
    probes: (target) => target.certificate({ names: ['www.example.com'], fitsHost: false }),
    evidence: 'www.example.com',
  },
  {
    id: 'HF114',
    name: 'a load balancer that is pending',
    break: ({ service }) => Object.assign(present(service.spec), { type: 'LoadBalancer' }),
    evidence: 'no address',
  },
  {
    id: 'HF115',
    name: "cookie affinity by another controller's annotation",
    break: ({ ingress }) => {
      present(ingress.spec).ingressClassName = 'traefik';
      present(ingress.metadata).annotations = { 'nginx.ingress.kubernetes.io/affinity': 'cookie' };
    },
    evidence: 'served by Traefik',
  },
  {
    id: 'HF116',
    name: 'ClientIP behind a controller that connects to pods',
    break: ({ service, ingress }) => {
      present(service.spec).sessionAffinity = 'ClientIP';
      present(ingress.metadata).annotations = {};
    },
    evidence: 'connects to the pods directly',
  },
  {
    id: 'HF117',
    name: 'a short timeout of the Ingress',
    break: ({ ingress }) =>
      Object.assign(present(ingress.metadata), {
        annotations: { ...ingress.metadata?.annotations, 'nginx.ingress.kubernetes.io/proxy-read-timeout': '10' },
      }),
    evidence: 'proxy-read-timeout is 10',
  },
  {
    id: 'HF118',
    name: 'a short worker-shutdown-timeout',
    break: ({ draft }) => (present(draft.controllerConfigMaps[0]).data = { 'worker-shutdown-timeout': '10s' }),
    evidence: 'worker-shutdown-timeout is 10s',
  },
  {
    id: 'HF119',
    name: 'a certificate without its intermediate ones',
    probes: (target) => target.certificate({ untrusted: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
    evidence: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    id: 'HF125',
    name: 'no BackendConfig on GKE',
    break: (target) => target.onGoogle(),
    evidence: 'after 30 s',
  },
  {
    id: 'HF125',
    name: 'a BackendConfig on GKE with a short timeout',
    break: (target) => {
      target.onGoogle({ 'cloud.google.com/backend-config': '{"default":"gateway"}' });
      target.draft.backendConfigs.push({ metadata: { name: 'gateway' }, spec: { timeoutSec: 60 } });
    },
    evidence: 'timeoutSec of BackendConfig gateway is 60',
  },
  {
    id: 'HF125',
    name: 'an annotation on GKE that names no BackendConfig',
    break: (target) => target.onGoogle({ 'cloud.google.com/backend-config': '{"ports":{"http":"gone"}}' }),
    evidence: 'there is no BackendConfig gone',
  },
  {
    id: 'HF120',
    name: 'an address at which nothing answers',
    probes: (target) => ({ edges: [target.edge({ upgrade: { kind: 'failed', reason: 'connect ECONNREFUSED' } })] }),
    evidence: 'ECONNREFUSED',
  },
  {
    id: 'HF121',
    name: 'a proxy that removes the Upgrade headers',
    probes: (target) => ({
      edges: [target.edge({ upgrade: { kind: 'refused', status: 426, code: 'upgrade_required' } })],
    }),
    evidence: '426',
  },
  {
    id: 'HF122',
    name: 'a proxy that cannot reach the pods',
    probes: (target) => ({ edges: [target.edge({ upgrade: { kind: 'http', status: 502, server: 'nginx' } })] }),
    evidence: '502 from nginx',
  },
  {
    id: 'HF123',
    name: 'something else at the host',
    probes: (target) => ({
      edges: [target.edge({ upgrade: { kind: 'http', status: 302, location: 'https://login.example.com' } })],
    }),
    evidence: 'login.example.com',
  },
  {
    id: 'HF124',
    name: 'a proxy that cuts WebSockets',
    probes: (target) => ({ edges: [target.edge({ idle: { closedAfter: 30.01, code: 1006, reason: '' } })] }),
    evidence: 'after 30.0 s',
  },
];

const SERVICE: readonly Fault[] = [
  {
    id: 'HF201',
    name: 'a Service with another label',
    break: ({ draft, service, deployment }) => {
      const [name = ''] = Object.keys(deployment.spec.selector.matchLabels ?? {});
      present(service.spec).selector = { ...service.spec?.selector, [name]: 'gatway' };
      for (const slice of draft.endpointSlices.filter(
        ({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === service.metadata?.name,
      ))
        slice.endpoints = [];
    },
    evidence: '=gatway',
  },
  {
    id: 'HF202',
    name: 'no Service',
    break: ({ draft }) => {
      draft.services = [];
      draft.ingresses = [];
    },
    evidence: 'no Service of namespace',
  },
  {
    id: 'HF203',
    name: 'a targetPort without a container port of that name',
    break: ({ service }) => Object.assign(present(service.spec?.ports?.[0]), { targetPort: 'web' }),
    evidence: 'targetPort web',
  },
  {
    id: 'HF203',
    name: 'a targetPort on which nothing listens',
    break: ({ service }) => Object.assign(present(service.spec?.ports?.[0]), { targetPort: 8080 }),
    evidence: 'targetPort 8080',
  },
  {
    id: 'HF204',
    name: 'the management port for clients',
    break: ({ service }) => Object.assign(present(service.spec?.ports?.[0]), { targetPort: 8001 }),
    evidence: 'leads to 8001',
  },
  {
    id: 'HF205',
    name: 'a Service that also selects another application',
    break: ({ draft, service, pods }) =>
      draft.pods.push(
        Object.assign(structuredClone(present(pods[0])), {
          metadata: { name: 'worker-1', labels: { ...service.spec?.selector } },
        }),
      ),
    evidence: 'worker-1',
  },
  { id: 'HF206', name: 'endpoints that are not ready', break: (target) => target.unready(), evidence: 'none ready' },
];

const PODS: readonly Fault[] = [
  {
    id: 'HF301',
    name: 'a tag that does not exist',
    break: (target) =>
      target.stopped(
        waiting(
          'ImagePullBackOff',
          'Back-off pulling image "x": ErrImagePull: rpc error: code = NotFound desc = failed to resolve reference "x": x: not found',
        ),
      ),
    evidence: 'not found',
  },
  {
    id: 'HF301',
    name: 'an image that must not be pulled',
    break: (target) =>
      target.stopped(waiting('ErrImageNeverPull', 'Container image "x" is not present with pull policy of Never')),
    evidence: 'pull policy of Never',
  },
  {
    id: 'HF301',
    name: 'an invalid image name',
    break: (target) => target.stopped(waiting('InvalidImageName', 'couldn\'t parse image name "X"')),
    evidence: "couldn't parse",
  },
  {
    id: 'HF302',
    name: 'an image that requires credentials',
    break: (target) =>
      target.stopped(
        waiting('ErrImagePull', 'pull access denied, repository does not exist or may require authorization'),
      ),
    evidence: 'pull access denied',
  },
  {
    id: 'HF303',
    name: 'a registry that cannot be reached',
    break: (target) => {
      target.stopped(waiting('ImagePullBackOff', 'Back-off pulling image "x"'));
      target.event('Failed to pull image "x": dial tcp: lookup registry.example.com: no such host');
    },
    evidence: 'no such host',
  },
  {
    id: 'HF304',
    name: 'an invalid setting',
    break: (target) => {
      target.stopped(BACK_OFF, { lastState: ended(78), restartCount: 4 });
      target.log('holdfast: HOLDFAST_DRAIN_SECONDS: expected a number of seconds from 0 to 3600');
    },
    evidence: 'exit code 78, 4 restarts: HOLDFAST_DRAIN_SECONDS',
  },
  {
    id: 'HF305',
    name: 'too little memory',
    break: (target) => target.stopped(BACK_OFF, { lastState: ended(137, 'OOMKilled'), restartCount: 1 }),
    evidence: 'OOMKilled, 1 restart;',
  },
  {
    id: 'HF306',
    name: 'a wrong liveness probe',
    break: (target) => {
      target.stopped({ running: { startedAt: NOW } }, { lastState: ended(143), restartCount: 3 });
      target.event('Liveness probe failed: HTTP probe failed with statuscode: 404');
    },
    evidence: 'statuscode: 404',
  },
  {
    id: 'HF306',
    name: 'a wrong liveness probe, which the gateway obeys by ending well',
    break: (target) => {
      target.stopped(BACK_OFF, { lastState: ended(0), restartCount: 3 });
      target.event('Container gateway failed liveness probe, will be restarted');
    },
    evidence: 'failed liveness probe',
  },
  {
    id: 'HF307',
    name: 'a process that ends without an error, again and again',
    break: (target) => target.stopped(BACK_OFF, { lastState: ended(0), restartCount: 3 }),
    evidence: 'exit code 0, 3 restarts',
  },
  {
    id: 'HF307',
    name: 'a crash',
    break: (target) => {
      target.stopped(BACK_OFF, { lastState: ended(1), restartCount: 2 });
      target.log(
        '{"level":30,"msg":"listening"}',
        '{"level":60,"msg":"uncaught error","err":{"message":"listen EADDRINUSE"}}',
        '{"level":30,"msg":"bye"}',
      );
    },
    evidence: 'uncaught error: listen EADDRINUSE',
  },
  {
    id: 'HF308',
    name: 'a missing Secret for a variable',
    break: (target) => target.stopped(waiting('CreateContainerConfigError', 'secret "gateway-keys" not found')),
    evidence: 'gateway-keys',
  },
  {
    id: 'HF308',
    name: 'a missing Secret for a volume',
    break: (target) => {
      target.stopped(waiting('ContainerCreating'));
      target.event('MountVolume.SetUp failed for volume "secrets" : secret "holdfast-auth" not found');
    },
    evidence: 'holdfast-auth',
  },
  {
    id: 'HF309',
    name: 'an image that runs as root',
    break: (target) =>
      target.stopped(waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root')),
    evidence: 'runAsNonRoot',
  },
  {
    id: 'HF309',
    name: 'a command that does not exist',
    break: (target) =>
      target.stopped(BACK_OFF, {
        lastState: { terminated: { exitCode: 128, reason: 'StartError', message: 'exec: "nod": not found' } },
        restartCount: 2,
      }),
    evidence: 'exec: "nod"',
  },
  {
    id: 'HF310',
    name: 'requests for which there is no room',
    break: (target) =>
      target.pending('0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available'),
    evidence: 'Free: node-1 cpu 2000m',
  },
  {
    id: 'HF311',
    name: 'a taint that is not tolerated',
    break: (target) =>
      target.pending('0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: db}. preemption: none'),
    evidence: 'untolerated taint {dedicated: db}',
  },
  {
    id: 'HF311',
    name: 'a node selector that no node matches',
    break: (target) => target.pending("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
    evidence: 'node affinity/selector',
  },
  {
    id: 'HF312',
    name: 'a spread that is not possible',
    break: (target) =>
      target.pending("0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints."),
    evidence: 'topology spread',
  },
  ...(
    [
      [
        'HF313',
        'a namespace that enforces Pod Security',
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
        'violates PodSecurity',
      ],
      [
        'HF314',
        'a quota',
        'pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2',
        'exceeded quota',
      ],
      [
        'HF315',
        'a ServiceAccount that does not exist',
        'pods "x" is forbidden: error looking up service account ns/gateway: serviceaccount "gateway" not found',
        'serviceaccount',
      ],
    ] as const
  ).map(([id, name, message, evidence]): Fault => ({
    id,
    name,
    break: (target) => {
      present(target.deployment.status).conditions?.push({
        type: 'ReplicaFailure',
        status: 'True',
        reason: 'FailedCreate',
        message,
      });
      target.draft.pods = target.draft.pods.filter((pod) => !target.pods.includes(pod));
      for (const slice of target.draft.endpointSlices) slice.endpoints = [];
    },
    evidence,
  })),
  {
    id: 'HF316',
    name: 'no replicas',
    break: (target) => {
      target.draft.pods = target.draft.pods.filter((pod) => !target.pods.includes(pod));
      target.deployment.spec.replicas = 0;
    },
    evidence: 'replicas is 0',
  },
  {
    id: 'HF317',
    name: 'a paused rollout',
    break: ({ deployment }) => (deployment.spec.paused = true),
    evidence: 'paused',
  },
  {
    id: 'HF318',
    name: 'a wrong readiness probe',
    break: (target) => {
      target.stopped({ running: { startedAt: new Date(NOW.getTime() - 300_000) } });
      target.event('Readiness probe failed: dial tcp 10.0.0.10:9000: connect: connection refused');
    },
    evidence: 'connection refused',
  },
  {
    id: 'HF319',
    name: 'a rollout without progress',
    break: ({ deployment }) =>
      (present(deployment.status).conditions = [
        {
          type: 'Progressing',
          status: 'False',
          reason: 'ProgressDeadlineExceeded',
          message: 'ReplicaSet "x" has timed out progressing.',
        },
      ]),
    evidence: 'timed out',
  },
  {
    id: 'HF320',
    name: 'pods that are missing for no reason',
    break: ({ deployment }) => (deployment.spec.replicas = (deployment.spec.replicas ?? 1) + 2),
    evidence: 'pods are ready',
  },
];

const BROKER: readonly Fault[] = [
  {
    id: 'HF401',
    name: 'a broker that is down',
    probes: (target) => target.broker('Redis at redis:6379 cannot be reached: connect ECONNREFUSED'),
    evidence: 'ECONNREFUSED',
  },
  {
    id: 'HF401',
    name: 'a broker that is down, according to the log',
    break: (target) => {
      target.stopped({ running: { startedAt: new Date(NOW.getTime() - 300_000) } });
      target.log(
        '{"level":40,"reason":"getaddrinfo ENOTFOUND redis","msg":"the broker is down: this pod is not ready; trying again"}',
      );
    },
    evidence: 'ENOTFOUND redis',
  },
  {
    id: 'HF402',
    name: 'a wrong password of the broker',
    probes: (target) => target.broker('Redis refuses the credentials: WRONGPASS invalid username-password pair'),
    evidence: 'WRONGPASS',
  },
  {
    id: 'HF403',
    name: 'a full broker',
    probes: (target) =>
      target.broker('Redis refuses writes with OOM: its memory is full: raise maxmemory, or keep less history'),
    evidence: 'OOM',
  },
  {
    id: 'HF404',
    name: 'a broker that is a replica',
    probes: (target) => target.broker('Redis refuses writes with READONLY: it is a replica'),
    evidence: 'READONLY',
  },
  {
    id: 'HF405',
    name: 'a Redis of the chart that evicts',
    break: ({ draft, deployment }) =>
      draft.configMaps.push({
        metadata: {
          name: 'redis',
          labels: { ...deployment.metadata?.labels, 'app.kubernetes.io/component': 'redis' },
        },
        data: { 'redis.conf': 'maxmemory 100\nmaxmemory-policy allkeys-lru\n' },
      }),
    evidence: 'maxmemory-policy allkeys-lru',
  },
  {
    id: 'HF405',
    name: 'a Redis elsewhere that evicts, as the pods see it',
    probes: (target) => target.states(() => ({ evictionPolicy: 'volatile-lru' })),
    evidence: 'maxmemory-policy volatile-lru',
  },
  {
    id: 'HF406',
    name: 'a policy without the port of the broker',
    break: ({ draft, deployment }) =>
      (draft.networkPolicies = [
        {
          metadata: { name: 'egress' },
          spec: {
            podSelector: { matchLabels: deployment.spec.selector.matchLabels ?? {} },
            policyTypes: ['Egress'],
            egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }],
          },
        },
      ]),
    evidence: 'egress rule',
  },
  {
    id: 'HF407',
    name: 'a policy without DNS',
    break: ({ draft, deployment }) =>
      (draft.networkPolicies = [
        {
          metadata: { name: 'egress' },
          spec: {
            podSelector: { matchLabels: deployment.spec.selector.matchLabels ?? {} },
            policyTypes: ['Egress'],
            egress: [{ ports: [{ port: 6379 }] }],
          },
        },
      ]),
    evidence: 'UDP to port 53',
  },
  {
    id: 'HF408',
    name: 'pods with different brokers',
    probes: () => ({ messages: { lost: [{ from: 'a', to: 'b' }], acknowledgedAfter: 2 } }),
    evidence: 'published on a did not arrive on b',
  },
  {
    id: 'HF409',
    name: 'several pods without a broker',
    break: ({ container }) =>
      (container.env = (container.env ?? []).filter(({ name }) => !name.startsWith('HOLDFAST_BROKER'))),
    evidence: 'neither HOLDFAST_BROKER nor HOLDFAST_BROKER_FILE is set',
  },
  {
    id: 'HF410',
    name: 'a slow broker',
    probes: () => ({ messages: { lost: [], acknowledgedAfter: 900 } }),
    evidence: '900 ms',
  },
  {
    id: 'HF411',
    name: 'a wrong clock',
    probes: ({ pods }) => ({
      pods: pods.map(({ metadata }, index) => ({
        pod: metadata?.name ?? '',
        brokerProblem: undefined,
        clock: { ahead: index * 30_000, error: 500 },
      })),
    }),
    evidence: '60.0 s ahead',
  },
  {
    id: 'HF412',
    name: 'pods of one revision with different configurations',
    probes: (target) => target.states((index) => ({ configuration: `${index === 2}` })),
    evidence: 'their configurations differ',
  },
  {
    id: 'HF413',
    name: 'an overloaded pod',
    probes: (target) => target.states((index) => (index === 1 ? { overload: 'connections 99 of 100' } : {})),
    evidence: 'connections 99 of 100',
  },
];

const OPERATION: readonly Fault[] = [
  {
    id: 'HF501',
    name: 'a short grace period',
    break: ({ template }) => (template.terminationGracePeriodSeconds = 30),
    evidence: '5 (preStop) + 15 (settle) + 30 (drain) = 50 s',
  },
  {
    id: 'HF502',
    name: 'a budget that permits no eviction',
    break: ({ draft, deployment }) => {
      draft.disruptionBudgets = [
        {
          metadata: { name: 'pdb' },
          spec: { minAvailable: deployment.spec.replicas ?? 1, selector: deployment.spec.selector },
        },
      ];
    },
    evidence: 'minAvailable is 3 of 3',
  },
  {
    id: 'HF503',
    name: 'a budget for other labels',
    break: ({ draft, deployment }) => {
      draft.disruptionBudgets = [
        {
          metadata: { name: deployment.metadata?.name ?? '' },
          spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'gatway' } } },
        },
      ];
    },
    evidence: 'app=gatway',
  },
  {
    id: 'HF504',
    name: 'an autoscaler of another Deployment',
    break: ({ draft, name }) =>
      (draft.autoscalers = [
        {
          metadata: { name },
          spec: { maxReplicas: 10, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'gatway' } },
        },
      ]),
    evidence: 'Deployment gatway',
  },
  {
    id: 'HF505',
    name: 'an autoscaler without metrics',
    break: ({ draft, name }) =>
      (draft.autoscalers = [
        {
          metadata: { name },
          spec: { maxReplicas: 10, scaleTargetRef: { kind: 'Deployment', name } },
          status: {
            desiredReplicas: 3,
            conditions: [
              {
                type: 'ScalingActive',
                status: 'False',
                reason: 'FailedGetResourceMetric',
                message: 'the server could not find the requested resource',
                lastTransitionTime: new Date(0),
              },
            ],
          },
        },
      ]),
    evidence: 'FailedGetResourceMetric',
  },
  {
    id: 'HF506',
    name: 'an autoscaler on CPU, and a sidecar without a request',
    break: ({ draft, name, template }) => {
      template.containers.push({ name: 'proxy', image: 'proxy:1' });
      draft.autoscalers = [
        {
          metadata: { name },
          spec: {
            maxReplicas: 10,
            scaleTargetRef: { kind: 'Deployment', name },
            metrics: [
              { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
            ],
          },
        },
      ];
    },
    evidence: 'container proxy has none',
  },
  {
    id: 'HF507',
    name: 'a single pod',
    break: ({ draft, deployment, pods }) => {
      deployment.spec.replicas = 1;
      draft.autoscalers = [];
      draft.disruptionBudgets = [];
      draft.pods = draft.pods.filter((pod) => !pods.slice(1).includes(pod));
    },
    evidence: 'replicas is 1',
  },
  {
    id: 'HF508',
    name: 'all pods on one node',
    break: ({ pods }) => pods.forEach(({ spec }) => Object.assign(present(spec), { nodeName: 'node-1' })),
    evidence: '3 pods are on node-1',
  },
  {
    id: 'HF509',
    name: 'a liveness probe that asks the broker',
    break: ({ container }) => Object.assign(present(container.livenessProbe?.httpGet), { path: '/health/ready' }),
    evidence: '/health/ready',
  },
  {
    id: 'HF510',
    name: 'the tag latest',
    break: ({ container }) => (container.image = 'docker.io/holdfast/gateway:latest'),
    evidence: ':latest',
  },
  {
    id: 'HF510',
    name: 'no tag',
    break: ({ container }) => (container.image = 'registry.example.com:5000/holdfast/gateway'),
    evidence: 'gateway',
  },
  {
    id: 'HF511',
    name: 'no memory limit',
    break: ({ container }) => delete container.resources?.limits,
    evidence: 'limits.memory',
  },
  {
    id: 'HF513',
    name: 'more connections than the memory has room for',
    break: ({ container }) => {
      container.env = [
        ...(container.env ?? []).filter(({ name }) => name !== 'NODE_OPTIONS'),
        { name: 'NODE_OPTIONS', value: '--max-old-space-size-percentage=60' },
        { name: 'HOLDFAST_MAX_CONNECTIONS', value: '20000' },
      ];
    },
    evidence: 'has room for 6488 connections',
  },
  {
    id: 'HF512',
    name: 'a heap without a limit',
    break: ({ container }) => (container.env = (container.env ?? []).filter(({ name }) => name !== 'NODE_OPTIONS')),
    evidence: 'NODE_OPTIONS does not limit the heap',
  },
  {
    id: 'HF514',
    name: 'a Secret in a variable',
    break: ({ container }) =>
      container.env?.push({ name: 'HOLDFAST_JWT_SECRET', valueFrom: { secretKeyRef: { name: 'keys', key: 'jwt' } } }),
    evidence: 'HOLDFAST_JWT_SECRET',
  },
  {
    id: 'HF515',
    name: 'the strategy Recreate',
    break: ({ deployment }) => (deployment.spec.strategy = { type: 'Recreate' }),
    evidence: 'Recreate',
  },
];

/** Every finding but HF108, which needs an HTTPRoute. */
export const FAULTS: readonly Fault[] = [...EDGE, ...SERVICE, ...PODS, ...BROKER, ...OPERATION];
