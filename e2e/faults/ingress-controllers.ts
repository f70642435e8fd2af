import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { isReady } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { ask } from '../support/http.js';
import { serverPod, type IngressClass, type IngressServer } from '../support/ingress-classes.js';
import { IngressNginx } from '../support/ingress-nginx.js';
import type { Route } from '../support/routes.js';
import type { Scene } from '../support/scene.js';
import { connect, cookieOf, livesFor, type Connected } from '../support/socket.js';
import type { Fault } from './fault.js';

const REPLACED_WITHIN = 60_000;

/** An option of ingress-nginx, 240 s by default. */
const SHUTDOWN = 'worker-shutdown-timeout';
const SHUTDOWN_SECONDS = 5;
/** How long clients may be without a socket after ingress-nginx has cut it, in ms. */
const BACK_WITHIN = 5_000;
/** The same after a restart: nobody can connect until its last worker has ended and its controller has waited 10 s more, and clients wait between attempts. */
const BACK_AFTER_RESTART_WITHIN = 60_000;

/** The faults of the ingress controllers that the cluster has. */
export function ingressFaults(classes: readonly IngressClass[]): readonly Fault[] {
  const servers = new Set(classes.map(({ server }) => server));
  return [
    ...(servers.has('traefik') ? [TRAEFIK_RESTARTED] : []),
    ...(servers.has('ingress-nginx') ? [INGRESS_NGINX_RELOADED, INGRESS_NGINX_RESTARTED] : []),
  ];
}

function routesOf({ routes }: Scene, server: IngressServer): readonly Route[] {
  return routes.all.filter(({ ingressClass }) => ingressClass.server === server);
}

function nginxRoute(scene: Scene): Route {
  const [route] = routesOf(scene, 'ingress-nginx');
  if (route === undefined) throw new Error('no class is served by ingress-nginx');
  return route;
}

/** The number of the load's clients that are behind a controller. */
function clientsBehind(scene: Scene, server: IngressServer, clients: number): number {
  return routesOf(scene, server).length * scene.clientsOf(clients);
}

/** Deletes the controller's pod, and waits for the next. */
async function restart({ cluster }: Scene, server: IngressServer): Promise<void> {
  const before = await serverPod(cluster, server);
  const { name = '', namespace = '', uid } = before.metadata ?? {};
  await cluster.core.deleteNamespacedPod({ name, namespace });
  const deadline = Date.now() + REPLACED_WITHIN;
  for (let now = before; now.metadata?.uid === uid || !isReady(now); now = await serverPod(cluster, server)) {
    expect(Date.now(), `${server} has no new pod`).toBeLessThan(deadline);
    await sleep(200);
  }
}

/** Changes an Ingress that has nothing to do with the release's, and waits until the controller has applied it. */
async function changeAnotherIngress(scene: Scene): Promise<void> {
  const { ingressClass, address } = nginxRoute(scene);
  const host = `at-${Date.now()}.other.holdfast.test`;
  const backend = { service: { name: scene.release.name, port: { name: 'http' } } };
  const ingress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'other' },
    spec: {
      ingressClassName: ingressClass.name,
      rules: [{ host, http: { paths: [{ path: '/ws', pathType: 'Exact', backend }] } }],
    },
  };
  await kubectl(['apply', '--namespace', scene.release.namespace.name, '--filename=-'], JSON.stringify(ingress));
  await eventually(async () => expect(await ask({ address, host, path: '/ws' })).toEqual([426]));
}

async function connectThrough(scene: Scene, { host, address }: Route, cookie?: string): Promise<Connected> {
  const headers = { authorization: `Bearer ${await scene.token('observer')}` };
  return connect({ host, address, headers, ...(cookie !== undefined && { cookie }) });
}

const TRAEFIK_RESTARTED: Fault = {
  name: 'Traefik restarted',
  cost: 'reconnect',
  inject: (scene) => restart(scene, 'traefik'),
  expect({ verdict: { clients, interruption } }, _, scene) {
    expect(interruption.library.clients, 'clients were cut').toBe(clientsBehind(scene, 'traefik', clients));
  },
};

/** ingress-nginx replaces its workers. The old ones keep their sockets, and cut them when their time is up. */
const INGRESS_NGINX_RELOADED: Fault = {
  name: `ingress-nginx reloaded by a change of another Ingress, and sockets cut ${SHUTDOWN_SECONDS} s later`,
  cost: 'reconnect',
  async prepare(scene) {
    await changeAnotherIngress(scene);
    await new IngressNginx(scene.cluster).configure(SHUTDOWN, `${SHUTDOWN_SECONDS}s`);
  },
  async inject(scene) {
    const route = nginxRoute(scene);
    const before = await connectThrough(scene, route);
    await changeAnotherIngress(scene);
    const lived = (await livesFor(before.socket, SHUTDOWN_SECONDS * 2_000)) ?? Infinity;
    expect(lived, 'ms from the change until the cut').toBeGreaterThan(SHUTDOWN_SECONDS * 500);
    expect(lived, 'ms from the change until the cut').toBeLessThan(SHUTDOWN_SECONDS * 1_500);
    const after = await connectThrough(scene, route, cookieOf(before, 'route'));
    after.socket.close();
    expect(after.pod, 'its cookie is still valid').toBe(before.pod);
  },
  restore: ({ cluster }) => new IngressNginx(cluster).configure(SHUTDOWN, null),
  expect({ verdict: { clients, interruption } }, _, scene) {
    expect(interruption.library.clients, 'clients were cut').toBe(clientsBehind(scene, 'ingress-nginx', clients));
    expect(interruption.library.max, 'ms without a socket').toBeLessThan(BACK_WITHIN);
  },
};

/** The old pod keeps its ports, and nobody gets in, until its last worker has ended. */
const INGRESS_NGINX_RESTARTED: Fault = {
  name: `ingress-nginx restarted, with ${SHUTDOWN} at ${SHUTDOWN_SECONDS} s`,
  cost: 'reconnect',
  prepare: ({ cluster }) => new IngressNginx(cluster).configure(SHUTDOWN, `${SHUTDOWN_SECONDS}s`),
  async inject(scene) {
    const route = nginxRoute(scene);
    const { socket } = await connectThrough(scene, route);
    const end = livesFor(socket, REPLACED_WITHIN);
    const restarted = restart(scene, 'ingress-nginx');
    let refusedFrom: number | undefined;
    let away = 0;
    while (away === 0) {
      await sleep(100);
      try {
        (await connectThrough(scene, route)).socket.close();
        if (refusedFrom !== undefined) away = Date.now() - refusedFrom;
      } catch {
        refusedFrom ??= Date.now();
        expect(Date.now() - refusedFrom, 'ms without a new connection').toBeLessThan(REPLACED_WITHIN);
      }
    }
    await restarted;
    const lived = (await end) ?? Infinity;
    console.log(`ingress-nginx restarted: sockets lived ${lived.toFixed(0)} ms, nobody got in for ${away} ms`);
    expect(lived, 'ms until the cut').toBeGreaterThan(SHUTDOWN_SECONDS * 500);
    // It takes longer if the new controller starts late: 5 to 30 s were seen.
    expect(away, 'ms without a new connection').toBeGreaterThan(SHUTDOWN_SECONDS * 500);
  },
  restore: ({ cluster }) => new IngressNginx(cluster).configure(SHUTDOWN, null),
  expect({ verdict: { clients, interruption } }, _, scene) {
    expect(interruption.library.clients, 'clients were cut').toBe(clientsBehind(scene, 'ingress-nginx', clients));
    expect(interruption.library.max, 'ms without a socket').toBeLessThan(BACK_AFTER_RESTART_WITHIN);
  },
};
