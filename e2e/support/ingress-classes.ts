import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { nameOf, type Cluster } from './cluster.js';
import { Namespace } from './namespace.js';

/** An ingress class that the suites know, and what serves it in this cluster. */
export interface IngressClass {
  readonly name: string;
  /** The chart's `ingress.controller` for it. */
  readonly controller: 'nginx' | 'traefik';
  /** What serves it: Traefik reads the annotations of ingress-nginx as well. */
  readonly server: IngressServer;
  /** Where clients connect. */
  readonly address: string;
}

export type IngressServer = 'traefik' | 'ingress-nginx';

/** The pods of each server: its Helm chart's label first. */
const LABELS: Readonly<Record<IngressServer, readonly string[]>> = {
  traefik: ['app.kubernetes.io/name=traefik', 'app=traefik'],
  'ingress-nginx': ['app.kubernetes.io/name=ingress-nginx'],
};

/** The classes that the suites look for. */
const CONTROLLERS = { traefik: 'traefik', 'nginx-traefik': 'nginx', nginx: 'nginx' } as const;

/**
 * How long a controller may take to publish its address, in ms. Without an address to publish, as on kind, Traefik writes none.
 * ingress-nginx writes none until its pod leads, which takes 30 s after a restart.
 */
const PUBLISHED_WITHIN: Readonly<Record<IngressServer, number>> = { traefik: 12_000, 'ingress-nginx': 60_000 };

declare module 'vitest' {
  interface ProvidedContext {
    ingressClasses: readonly IngressClass[];
  }
}

/**
 * Finds the classes of the cluster. The address is the one that the controller writes into the status of an Ingress; if it writes
 * none, the node on which the controller runs; and in any case E2E_INGRESS_ADDRESS if that is set.
 *
 * @throws Error if the cluster has none of the classes.
 */
export async function findIngressClasses(cluster: Cluster): Promise<IngressClass[]> {
  const { items } = await cluster.networking.listIngressClass();
  const found = Object.entries(CONTROLLERS).filter(([name]) => items.some((item) => nameOf(item) === name));
  if (found.length === 0) {
    throw new Error(`the cluster has no ingress class named ${Object.keys(CONTROLLERS).join(', ')}`);
  }
  const hasIngressNginx = (await serverPods(cluster, 'ingress-nginx')).length > 0;
  const classes = found.map(([name, controller]) => {
    const served = items.find((item) => nameOf(item) === name)?.spec?.controller;
    const isIngressNginx = hasIngressNginx && served === 'k8s.io/ingress-nginx';
    return { name, controller, server: isIngressNginx ? ('ingress-nginx' as const) : ('traefik' as const) };
  });
  const published = await publishedAddresses(cluster, classes);
  return Promise.all(
    classes.map(async ({ name, controller, server }) => {
      const address = process.env['E2E_INGRESS_ADDRESS'] ?? published.get(name) ?? (await nodeOf(cluster, server));
      return { name, controller, server, address };
    }),
  );
}

/** The newest pod of a server, if one is being replaced. */
export async function serverPod(cluster: Cluster, server: IngressServer): Promise<V1Pod> {
  const [newest] = (await serverPods(cluster, server)).toSorted((a, b) => createdAt(b) - createdAt(a));
  if (newest === undefined) throw new Error(`no pod of ${server} has a label ${LABELS[server].join(' or ')}`);
  return newest;
}

async function serverPods(cluster: Cluster, server: IngressServer): Promise<V1Pod[]> {
  for (const labelSelector of LABELS[server]) {
    const { items } = await cluster.core.listPodForAllNamespaces({ labelSelector });
    if (items.length > 0) return items;
  }
  return [];
}

async function nodeOf(cluster: Cluster, server: IngressServer): Promise<string> {
  const address = (await serverPod(cluster, server)).status?.hostIP;
  if (address === undefined) throw new Error(`${server} runs on no node: set E2E_INGRESS_ADDRESS`);
  return address;
}

/** Creates an Ingress of each class, and reads its status. */
async function publishedAddresses(
  cluster: Cluster,
  classes: readonly Omit<IngressClass, 'address'>[],
): Promise<ReadonlyMap<string, string>> {
  const temporary = await Namespace.create(cluster, 'ingress-classes');
  const namespace = temporary.name;
  const service = { name: 'none', port: { number: 80 } };
  await cluster.core.createNamespacedService({
    namespace,
    body: { metadata: { name: service.name }, spec: { ports: [{ port: 80 }], selector: { app: 'none' } } },
  });
  for (const { name } of classes) {
    await cluster.networking.createNamespacedIngress({
      namespace,
      body: {
        metadata: { name },
        spec: {
          ingressClassName: name,
          rules: [
            {
              host: `${name}.ingress-classes.holdfast.test`,
              http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service } }] },
            },
          ],
        },
      },
    });
  }
  const begun = Date.now();
  for (;;) {
    const { items } = await cluster.networking.listNamespacedIngress({ namespace });
    const addresses = new Map(
      items.flatMap((ingress) => {
        const [first] = ingress.status?.loadBalancer?.ingress ?? [];
        const address = first?.ip ?? first?.hostname;
        return address === undefined ? [] : [[nameOf(ingress), address] as const];
      }),
    );
    const isAwaited = ({ name, server }: { name: string; server: IngressServer }): boolean =>
      !addresses.has(name) && Date.now() - begun < PUBLISHED_WITHIN[server];
    if (!classes.some(isAwaited)) {
      await temporary.remove();
      return addresses;
    }
    await sleep(200);
  }
}

function createdAt({ metadata }: V1Pod): number {
  return metadata?.creationTimestamp?.getTime() ?? 0;
}
