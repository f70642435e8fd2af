import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { Release } from '../support/release.js';
import { Routes, type RouteOptions } from '../support/routes.js';
import { connect, livesFor, type Connected } from '../support/socket.js';

const CLASSES = inject('ingressClasses');
/** Traefik's own annotations have no timeout for WebSockets. */
const WITH_TIMEOUT = CLASSES.filter(({ controller }) => controller === 'nginx');

const READ_SECONDS = 10;

/** An Ingress of each class with the chart's timeouts, and one with short timeouts if the class has any. */
const OPTIONS: readonly RouteOptions[] = [
  ...CLASSES.map((ingressClass) => ({ ingressClass })),
  ...WITH_TIMEOUT.map((ingressClass) => ({
    ingressClass,
    name: `${ingressClass.name}-short`,
    values: { timeouts: { read: READ_SECONDS, send: READ_SECONDS } },
  })),
];

/** One pod that pings after these seconds, or never, and the Ingresses. */
async function install(
  name: string,
  ping: number,
): Promise<{ readonly namespace: Namespace; readonly routes: Routes }> {
  const namespace = await Namespace.create(Cluster.connect(), name);
  const routes = new Routes(new Release(namespace), OPTIONS);
  await routes.apply({ replicaCount: 1, config: { auth: { anonymous: true }, connection: { ping } } });
  return { namespace, routes };
}

type Installed = Awaited<ReturnType<typeof install>>;
let silent: Installed;
let pinging: Installed;

beforeAll(async () => {
  [silent, pinging] = await Promise.all([install('idle', 0), install('idle-pinged', READ_SECONDS / 2)]);
});

afterAll(() => Promise.all([silent?.namespace.remove(), pinging?.namespace.remove()]));

/** Connects once the controller has the route. */
function connected({ routes }: Installed, name: string): Promise<Connected> {
  const { address, host } = routes.get(name);
  return eventually(() => connect({ address, host }));
}

// Concurrent, because they mostly wait. Concurrent tests use vitest's functions from their contexts.
describe.concurrent('an idle WebSocket', () => {
  it.for(WITH_TIMEOUT)('is cut through class $name after timeouts.read', async ({ name }, { onTestFailed }) => {
    onTestFailed(({ task }) => silent.namespace.collect(task.name));
    const lived = await livesFor((await connected(silent, `${name}-short`)).socket, READ_SECONDS * 3_000);
    console.log(`${name}: with timeouts.read ${READ_SECONDS} and no pings a socket lived ${lived?.toFixed(0)} ms`);
    expect(lived).toBeGreaterThan((READ_SECONDS - 1) * 1_000);
    expect(lived).toBeLessThan((READ_SECONDS + 3) * 1_000);
  });

  it.for(WITH_TIMEOUT)(
    'is not cut through class $name if the gateway pings more often',
    async ({ name }, { onTestFailed }) => {
      onTestFailed(({ task }) => pinging.namespace.collect(task.name));
      const { socket } = await connected(pinging, `${name}-short`);
      expect(await livesFor(socket, READ_SECONDS * 3_000)).toBeUndefined();
      socket.close();
    },
  );

  it.for(CLASSES)('survives 75 s of silence through class $name by default', async ({ name }, { onTestFailed }) => {
    onTestFailed(({ task }) => silent.namespace.collect(task.name));
    const { socket } = await connected(silent, name);
    expect(await livesFor(socket, 75_000)).toBeUndefined();
    socket.close();
  });
});
