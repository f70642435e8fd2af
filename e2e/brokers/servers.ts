import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { isReady, nameOf } from '../support/cluster.js';
import { BROKERS_IMAGE } from '../support/images.js';
import type { Namespace } from '../support/namespace.js';
import type { Values } from '../support/release.js';
import { addresses, COUNT, type BrokerKind } from './broker-kind.js';

const READY_WITHIN = 180_000;
/** The Secrets with the URL for the role of the pods, and for the one that owns the schema. */
const SECRETS = { pods: 'broker', owner: 'broker-owner' };

/** A cluster of three servers of a broker. */
export class BrokerServers {
  constructor(
    private readonly namespace: Namespace,
    readonly kind: BrokerKind,
  ) {}

  /** Resolves when each of them accepts connections. */
  static async start(namespace: Namespace, kind: BrokerKind): Promise<BrokerServers> {
    const labels = { app: kind.name };
    await namespace.cluster.core.createNamespacedService({
      namespace: namespace.name,
      body: {
        metadata: { name: kind.name },
        spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: labels, ports: [{ port: kind.port }] },
      },
    });
    await namespace.cluster.apps.createNamespacedStatefulSet({
      namespace: namespace.name,
      body: {
        metadata: { name: kind.name },
        spec: {
          serviceName: kind.name,
          replicas: COUNT,
          podManagementPolicy: 'Parallel',
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 0,
              enableServiceLinks: false,
              securityContext: {
                runAsNonRoot: true,
                runAsUser: 1000,
                fsGroup: 1000,
                seccompProfile: { type: 'RuntimeDefault' },
              },
              // A server per node, as far as possible.
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: 'kubernetes.io/hostname',
                  whenUnsatisfiable: 'ScheduleAnyway',
                  labelSelector: { matchLabels: labels },
                },
              ],
              containers: [container(kind)],
              volumes: [
                { name: 'data', emptyDir: {} },
                { name: 'tmp', emptyDir: {} },
              ],
            },
          },
        },
      },
    });
    const servers = new BrokerServers(namespace, kind);
    await servers.#createSecrets();
    await servers.ready();
    return servers;
  }

  /** The values of a release that uses this broker, and whose pods reach nothing else but name servers. */
  get values(): Values {
    const { kind } = this;
    const { name, port, role } = kind;
    const migration = { enabled: true, existingSecret: SECRETS.owner, grantTo: [role] };
    return {
      broker: role === undefined ? { url: kind.url(this.#addresses) } : { existingSecret: SECRETS.pods, migration },
      networkPolicy: {
        enabled: true,
        ipBlocks: ['0.0.0.0/0'],
        egress: { broker: { to: [{ podSelector: { matchLabels: { app: name } } }], ports: [port] } },
      },
    };
  }

  get #addresses(): string {
    return addresses(this.kind.name, this.kind.port);
  }

  /** Hooks run before the chart's own Secrets exist. */
  async #createSecrets(): Promise<void> {
    const owner = this.kind.ownerUrl?.(this.#addresses);
    if (owner === undefined) return;
    const secrets = { [SECRETS.pods]: this.kind.url(this.#addresses), [SECRETS.owner]: owner };
    for (const [name, value] of Object.entries(secrets)) {
      await this.namespace.cluster.core.createNamespacedSecret({
        namespace: this.namespace.name,
        body: { metadata: { name }, stringData: { 'broker-url': value } },
      });
    }
  }

  pods(): Promise<V1Pod[]> {
    return this.namespace.cluster.pods(this.namespace.name, `app=${this.kind.name}`);
  }

  /** Resolves when each server accepts connections. */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN;
    for (;;) {
      const pods = await this.pods();
      const ready = pods.filter((pod) => isReady(pod));
      if (ready.length === COUNT) return;
      if (Date.now() > deadline) throw new Error(`only these servers are ready: ${ready.map(nameOf).join(', ')}`);
      await sleep(200);
    }
  }
}

function container({ name, port, script, environment = {} }: BrokerKind): V1Container {
  return {
    name,
    image: BROKERS_IMAGE,
    command: ['bash', '-ec', script],
    env: [
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ...Object.entries(environment).map(([variable, value]) => ({ name: variable, value })),
    ],
    ports: [{ containerPort: port }],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}
