import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { connectTimes } from '../support/clients.js';
import { certifiedNames, createCertificate } from '../support/certificate.js';
import { Cluster, nameOf } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { ask as askAt } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { merged, QUICK, Release } from '../support/release.js';
import { Routes, type Route } from '../support/routes.js';

const VALUES = merged(QUICK, { rollingUpdate: { maxSurge: '100%' }, config: { auth: { anonymous: true } } });

/** Of the Gateway and the node ports. */
const HOST = 'routes.holdfast.test';

const CLASSES = inject('ingressClasses');
/** Of the Gateways. Traefik serves them on the ports of the ingress class `traefik`. */
const GATEWAY_CLASS = process.env['E2E_GATEWAY_CLASS'] ?? 'traefik';

let namespace: Namespace;
let release: Release;
let routes: Routes;
/** Whether this class can redirect: Traefik needs a resource of its own for that. */
let redirects: (name: string) => boolean;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'routes');
  release = new Release(namespace);
  const resources = await kubectl(['api-resources', '--output=name']);
  redirects = (name) => name !== 'traefik' || resources.includes('middlewares.traefik.io');
  const options = CLASSES.map((ingressClass) => ({
    ingressClass,
    values: { tls: { redirect: redirects(ingressClass.name) } },
  }));
  routes = new Routes(release, options);
  await createCertificate(
    namespace,
    routes.all.map(({ host }) => host),
  );
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

type Target = Pick<Route, 'address' | 'host'>;

const ask = ({ address, host }: Target, path: string, { tls = false } = {}): ReturnType<typeof askAt> =>
  askAt({ address, host, path, tls });

/** A missing route responds with 404, the WebSocket's with 426. */
const untilServed = (target: Target, tls: boolean): Promise<void> =>
  eventually(async () => expect(await ask(target, '/ws', { tls })).toEqual([426]));

/** The paths that are served, once the WebSocket's route exists. */
async function served(target: Target, { tls = false } = {}): Promise<string[]> {
  await untilServed(target, tls);
  await connectTimes(1, { address: target.address, host: target.host, tls });
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
    const [status] = await ask(target, path, { tls });
    if (status !== 404) found.push(path);
  }
  return found;
}

describe('an Ingress', () => {
  beforeAll(() => routes.apply(VALUES));

  it.each(CLASSES)('of class $name routes only the WebSocket', async ({ name }) => {
    expect(await served(routes.get(name))).toEqual(['/ws']);
  });
});

describe('an Ingress with TLS', () => {
  beforeAll(() =>
    routes.apply({ ...VALUES, tls: { enabled: true, secretName: 'tls' }, sessionAffinity: { mode: 'cookie' } }),
  );

  it.each(CLASSES)('of class $name terminates it with the given certificate', async ({ name }) => {
    const route = routes.get(name);
    // Until it has applied the change, a controller presents a certificate of its own.
    await eventually(async () => expect(await certifiedNames(route.address, route.host)).toContain(route.host));
    expect(await served(route, { tls: true })).toEqual(['/ws']);
  });

  it.each(CLASSES)('of class $name sets a secure cookie', async ({ name }) => {
    const { address, host } = routes.get(name);
    await eventually(async () => {
      const [connected] = await connectTimes(1, { address, host, tls: true });
      expect(connected?.setCookies[0]?.split('; ')).toEqual(expect.arrayContaining(['Secure', 'HttpOnly']));
    });
  });

  it.each(CLASSES)('of class $name redirects http to https, if it can', async ({ name }) => {
    const route = routes.get(name);
    const plain = redirects(name) ? [name === 'traefik' ? 301 : 308, `https://${route.host}/ws`] : [426];
    expect(await ask(route, '/ws')).toEqual(plain);
  });
});

describe('an HTTPRoute', () => {
  beforeAll(async () => {
    target = { host: HOST, address: routes.get('traefik').address };
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
  let target: Target;

  it('routes only the WebSocket', async () => {
    const gateway = { ...gatewayValues, parentRefs: [{ name: 'public', sectionName: 'http' }] };
    await release.apply({ ...VALUES, gateway });
    expect(await served(target)).toEqual(['/ws']);
  });

  it('spreads clients over the pods', async () => {
    const all = await connectTimes(30, target);
    expect(new Set(all.map(({ pod }) => pod))).toEqual(new Set(await release.podNames()));
  });

  it('redirects http to https', async () => {
    const gateway = {
      ...gatewayValues,
      parentRefs: [{ name: 'public', sectionName: 'https' }],
      redirectParentRefs: [{ name: 'public', sectionName: 'http' }],
    };
    await release.apply({ ...VALUES, gateway, tls: { enabled: true } });
    expect(await served(target, { tls: true })).toEqual(['/ws']);
    await eventually(async () => expect(await ask(target, '/ws')).toEqual([301, `https://${HOST}/ws`]));
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
    await release.apply({ ...VALUES, service: { type: 'NodePort', externalTrafficPolicy } });
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
