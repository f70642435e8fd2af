import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { Release, type Values } from '../support/release.js';
import { connect, livesFor, type Connected, type ConnectOptions } from '../support/socket.js';

let cluster: Cluster;
let address: string;

beforeAll(async () => {
  cluster = Cluster.connect();
  address = await cluster.ingressAddress();
});

const REMOVED_WITHIN = 120_000;

interface Idle {
  readonly namespace: Namespace;
  readonly at: ConnectOptions;
}

/** Installs one pod behind an ingress, with timeouts.read and the ping interval in seconds; 0 disables pings. */
async function install(
  { task, onTestFinished }: TestContext,
  name: string,
  controller: string,
  read: number,
  ping: number,
): Promise<Idle> {
  const namespace = await Namespace.create(cluster, `idle-${name}`);
  onTestFinished(async () => {
    if (task.result?.state === 'fail') await namespace.collect(name);
    await namespace.remove();
  }, REMOVED_WITHIN);
  const host = `${name}.idle.holdfast.test`;
  await apply(namespace, { ingress: { enabled: true, controller, hosts: [host] } }, read, ping);
  return { namespace, at: { address, host } };
}

function apply(namespace: Namespace, values: Values, read: number, ping: number): Promise<void> {
  const config = { auth: { anonymous: true }, connection: { ping } };
  return new Release(namespace).apply({ ...values, replicaCount: 1, timeouts: { read, send: read }, config });
}

/** Connects once the controller has the route. */
function connected(options: ConnectOptions): Promise<Connected> {
  return eventually(() => connect(options));
}

// Concurrent, because they mostly wait. Concurrent tests use vitest's functions from their contexts.
describe.concurrent('an idle WebSocket', () => {
  it('is cut by ingress-nginx after timeouts.read', async (context) => {
    const { at } = await install(context, 'cut', 'nginx', 10, 0);
    const lived = await livesFor((await connected(at)).socket, 30_000);
    console.log(`nginx: with timeouts.read 10 and no pings a socket lived ${lived?.toFixed(0)} ms`);
    expect(lived).toBeGreaterThan(9_000);
    expect(lived).toBeLessThan(13_000);
  });

  it('is not cut if the gateway pings more often', async (context) => {
    const { at } = await install(context, 'pinged', 'nginx', 10, 5);
    const { socket } = await connected(at);
    expect(await livesFor(socket, 30_000)).toBeUndefined();
    socket.close();
  });

  it.for(['nginx', 'traefik'])('survives 75 s of silence behind %s by default', async (controller, context) => {
    const { at } = await install(context, `silent-${controller}`, controller, 3_600, 0);
    const { socket } = await connected(at);
    expect(await livesFor(socket, 75_000)).toBeUndefined();
    socket.close();
  });

  it('is not cut by a change of another Ingress', async (context) => {
    const { namespace, at } = await install(context, 'unrelated', 'nginx', 3_600, 25);
    const { socket } = await connected(at);
    const host = 'other.idle.holdfast.test';
    const path = { path: '/ws', pathType: 'Exact', backend: { service: { name: 'holdfast', port: { name: 'http' } } } };
    await cluster.create({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'other', namespace: namespace.name },
      spec: { ingressClassName: 'nginx', rules: [{ host, http: { paths: [path] } }] },
    });
    (await connected({ address, host })).socket.close();
    expect(await livesFor(socket, 5_000)).toBeUndefined();
    socket.close();
  });
});
