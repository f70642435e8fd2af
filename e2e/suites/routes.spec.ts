import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectTimes } from '../support/clients.js';
import { createCertificate } from '../support/certificate.js';
import { Cluster, nameOf } from '../support/cluster.js';
import { ask as askAt } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { Release } from '../support/release.js';

const HOST = 'routes.holdfast.test';
const CONFIG = { auth: { anonymous: true } };

/** The class of the Gateways; its listeners use the ports of the ingress controller. */
const GATEWAY_CLASS = process.env['E2E_GATEWAY_CLASS'] ?? 'traefik';

let address: string;
let namespace: Namespace;
let release: Release;

beforeAll(async () => {
  const cluster = Cluster.connect();
  address = await cluster.ingressAddress();
  namespace = await Namespace.create(cluster, 'routes');
  release = new Release(namespace);
  await createCertificate(namespace, HOST);
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

const ask = (path: string, { tls = false } = {}): ReturnType<typeof askAt> => askAt({ address, host: HOST, path, tls });

/** A missing route responds with 404, the WebSocket's with 426. */
const untilServed = (tls: boolean): Promise<void> =>
  eventually(async () => expect(await ask('/ws', { tls })).toEqual([426]));

/** The responses of several paths, once the WebSocket's route exists. */
async function served({ tls = false } = {}): Promise<string[]> {
  await untilServed(tls);
  await connectTimes(1, { address, host: HOST, tls });
  const found: string[] = [];
  for (const path of [
    '/ws',
    '/health',
    '/health/ready',
    '/health/live',
    '/api/channels',
    '/metrics',
    '/',
    '/ws/more',
  ]) {
    const [status] = await ask(path, { tls });
    if (status !== 404) found.push(path);
  }
  return found;
}

async function cookieIsSecure(): Promise<void> {
  const [connected] = await connectTimes(1, { address, host: HOST, tls: true });
  expect(connected?.setCookies[0]?.split('; ')).toEqual(expect.arrayContaining(['Secure', 'HttpOnly']));
}

describe.each(['nginx', 'traefik'])('an Ingress of class %s', (controller) => {
  it('routes only the WebSocket', async () => {
    await release.apply({ ingress: { enabled: true, controller, hosts: [HOST] }, config: CONFIG });
    expect(await served()).toEqual(['/ws']);
  });

  it('terminates TLS with a given certificate', async () => {
    // Traefik's redirect needs its own resources, which a test cluster may not have.
    const tls = { enabled: true, secretName: 'tls', redirect: controller === 'nginx' };
    await release.apply({
      ingress: { enabled: true, controller, hosts: [HOST] },
      tls,
      sessionAffinity: { mode: 'cookie' },
      config: CONFIG,
    });
    expect(await served({ tls: true })).toEqual(['/ws']);
    await eventually(cookieIsSecure);
    expect(await ask('/ws')).toEqual(controller === 'nginx' ? [308, `https://${HOST}/ws`] : [426]);
  });
});

describe('an HTTPRoute', () => {
  beforeAll(async () => {
    const gateway = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'public', namespace: namespace.name },
      spec: {
        gatewayClassName: GATEWAY_CLASS,
        listeners: [
          { name: 'http', port: 80, protocol: 'HTTP' },
          { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'tls' }] } },
        ],
      },
    };
    await namespace.cluster.create(gateway);
  });

  const gatewayValues = { enabled: true, hostnames: [HOST] };

  it('routes only the WebSocket', async () => {
    const gateway = { ...gatewayValues, parentRefs: [{ name: 'public', sectionName: 'http' }] };
    await release.apply({ gateway, config: CONFIG });
    expect(await served()).toEqual(['/ws']);
  });

  it('spreads clients over the pods', async () => {
    const all = await connectTimes(30, { address, host: HOST });
    expect(new Set(all.map(({ pod }) => pod))).toEqual(new Set(await release.podNames()));
  });

  it('redirects http to https', async () => {
    const gateway = {
      ...gatewayValues,
      parentRefs: [{ name: 'public', sectionName: 'https' }],
      redirectParentRefs: [{ name: 'public', sectionName: 'http' }],
    };
    await release.apply({ gateway, tls: { enabled: true }, config: CONFIG });
    expect(await served({ tls: true })).toEqual(['/ws']);
    await eventually(async () => expect(await ask('/ws')).toEqual([301, `https://${HOST}/ws`]));
  });
});

/** A node with a pod of the gateway, and its address. */
interface PodNode {
  readonly name: string;
  readonly address: string;
}

describe('service.externalTrafficPolicy', () => {
  let nodeOf: Map<string, string>;
  let nodes: PodNode[];

  async function apply(externalTrafficPolicy: string): Promise<void> {
    await release.apply({ service: { type: 'NodePort', externalTrafficPolicy }, config: CONFIG });
    const service = { namespace: namespace.name, name: release.name };
    const { spec } = await namespace.cluster.core.readNamespacedService(service);
    const port = spec?.ports?.[0]?.nodePort;
    const pods = await release.readyPods();
    nodeOf = new Map(pods.map((pod) => [nameOf(pod), pod.spec?.nodeName ?? '']));
    const hosts = new Map(pods.map((pod) => [pod.spec?.nodeName ?? '', pod.status?.hostIP ?? '']));
    nodes = [...hosts].map(([name, ip]) => ({ name, address: `${ip}:${port}` }));
    expect(nodes.length).toBeGreaterThan(1);
  }

  /** The nodes whose pods respond on the port of a node. */
  async function reached(node: PodNode): Promise<Set<string>> {
    const all = await connectTimes(20, { address: node.address, host: HOST });
    return new Set(all.map(({ pod }) => nodeOf.get(pod) ?? ''));
  }

  it('Local only reaches the pods of the node', async () => {
    await apply('Local');
    for (const node of nodes) {
      await eventually(async () => expect(await reached(node)).toEqual(new Set([node.name])));
    }
  });

  it('Cluster reaches the pods of all nodes', async () => {
    await apply('Cluster');
    for (const node of nodes) {
      await eventually(async () => expect(await reached(node)).toEqual(new Set(nodes.map(({ name }) => name))));
    }
  });
});
