import { describe, expect, it } from 'vitest';
import { refusal, render, type Manifests } from './support/helm.ts';
import { GATEWAY_CONTROLLERS, gatewayOf } from './support/traffic.ts';

const NAME = 'test-holdfast';

const route = (manifests: Manifests) => manifests.get('HTTPRoute', NAME);

const pathsOf = ({ spec }: ReturnType<typeof route>): string[] =>
  spec.rules[0].matches.map(({ path }: { path: { type: string; value: string } }) => `${path.type} ${path.value}`);

describe('the HTTPRoute', () => {
  it('is not rendered by default', async () => {
    expect((await render()).find('HTTPRoute')).toEqual([]);
  });

  it.each(GATEWAY_CONTROLLERS)('routes only /ws, for %j', async (controller) => {
    const manifests = await render({ gateway: gatewayOf(controller) });
    expect(pathsOf(route(manifests))).toEqual(['Exact /ws']);
    expect(route(manifests).spec.rules).toHaveLength(1);
    expect(route(manifests).spec.rules[0].backendRefs).toEqual([{ name: NAME, port: 80 }]);
  });

  it('routes the chat page and the API if enabled', async () => {
    const manifests = await render({ gateway: gatewayOf(''), ingress: { exposeApi: true }, config: { demo: true } });
    expect(pathsOf(route(manifests))).toEqual([
      'Exact /ws',
      'Exact /',
      'PathPrefix /assets',
      'PathPrefix /demo',
      'PathPrefix /api',
    ]);
  });

  it('has listeners and host names', async () => {
    const manifests = await render({ gateway: gatewayOf('') });
    expect(route(manifests).spec).toMatchObject({
      parentRefs: [{ name: 'public', namespace: 'gateways', sectionName: 'https' }],
      hostnames: ['ws.example.com'],
    });
    const every = await render({ gateway: gatewayOf('', { hostnames: [] }) });
    expect(route(every).spec).not.toHaveProperty('hostnames');
  });

  it('is refused without a Gateway', async () => {
    expect(await refusal({ gateway: { enabled: true } })).toContain('an HTTPRoute needs a Gateway. Name it');
    expect(await refusal({ gateway: { parentRefs: [{ namespace: 'gateways' }] } })).toContain('parentRefs');
  });

  it('accepts annotations', async () => {
    const manifests = await render({ gateway: gatewayOf('', { annotations: { 'example.com/key': 'value' } }) });
    expect(route(manifests).metadata.annotations).toEqual({ 'example.com/key': 'value' });
  });

  it('disables the time limit of a request, which lasts as long as its WebSocket', async () => {
    expect(route(await render({ gateway: gatewayOf('') })).spec.rules[0].timeouts).toEqual({
      request: '0s',
      backendRequest: '0s',
    });
  });

  it('refuses an unknown controller', async () => {
    expect(await refusal({ gateway: { controller: 'istio' } })).toContain('controller');
  });

  it('redirects http to https on the configured listeners', async () => {
    expect((await render({ gateway: gatewayOf('') })).find('HTTPRoute', `${NAME}-redirect`)).toEqual([]);
    const manifests = await render({
      gateway: gatewayOf('', { redirectParentRefs: [{ name: 'public', sectionName: 'http' }] }),
      tls: { enabled: true },
    });
    const redirect = manifests.get('HTTPRoute', `${NAME}-redirect`);
    expect(redirect.spec.parentRefs).toEqual([{ name: 'public', sectionName: 'http' }]);
    expect(pathsOf(redirect)).toEqual(pathsOf(route(manifests)));
    expect(redirect.spec.rules[0].filters).toEqual([
      { type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } },
    ]);
  });
});

describe('the policies of GKE', () => {
  it('limit, drain and check the Service', async () => {
    const manifests = await render({
      gateway: gatewayOf('gke'),
      timeouts: { preStop: 20, settle: 10, drain: 30, read: 1_800 },
    });
    const target = { group: '', kind: 'Service', name: NAME };
    expect(manifests.get('GCPBackendPolicy').spec).toEqual({
      targetRef: target,
      default: {
        timeoutSec: 1_800,
        connectionDraining: { drainingTimeoutSec: 60 },
        sessionAffinity: { type: 'NONE' },
      },
    });
    expect(manifests.get('HealthCheckPolicy').spec).toMatchObject({
      targetRef: target,
      default: { config: { type: 'HTTP', httpHealthCheck: { port: 8000, requestPath: '/health/ready' } } },
    });
    // A limit on the route would differ from the policy's.
    expect(route(manifests).spec.rules[0]).not.toHaveProperty('timeouts');
  });

  it.each([
    ['clientIP', { type: 'CLIENT_IP' }],
    ['cookie', { type: 'GENERATED_COOKIE', cookieTtlSec: 0 }],
  ])('support the affinity %s', async (mode, expected) => {
    const manifests = await render({ gateway: gatewayOf('gke'), sessionAffinity: { mode } });
    expect(manifests.get('GCPBackendPolicy').spec.default.sessionAffinity).toEqual(expected);
  });

  it('refuse a drain of more than an hour', async () => {
    expect(await refusal({ gateway: gatewayOf('gke'), timeouts: { drain: 3_600, read: 7_200 } })).toContain(
      'timeouts.preStop + settle + drain: gke supports at most 3600 seconds',
    );
  });

  it('are for GKE only', async () => {
    const manifests = await render({ gateway: gatewayOf('envoy') });
    expect([...manifests.find('GCPBackendPolicy'), ...manifests.find('HealthCheckPolicy')]).toEqual([]);
  });
});

describe('the policies of Azure', () => {
  it('check the pods, and disable the limit of a request', async () => {
    const manifests = await render({ gateway: gatewayOf('azure') });
    expect(manifests.get('HealthCheckPolicy')).toMatchObject({
      apiVersion: 'alb.networking.azure.io/v1',
      spec: {
        targetRef: { group: '', kind: 'Service', name: NAME, namespace: 'test-ns' },
        default: { interval: '10s', timeout: '5s', port: 8000, protocol: 'HTTP', http: { path: '/health/ready' } },
      },
    });
    expect(manifests.get('RoutePolicy')).toMatchObject({
      apiVersion: 'alb.networking.azure.io/v1',
      spec: {
        targetRef: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: NAME, namespace: 'test-ns' },
        default: { timeouts: { routeTimeout: '0s' } },
      },
    });
    expect(manifests.get('RoutePolicy').spec.default).not.toHaveProperty('sessionAffinity');
    // For ALB Controller 1.11 and later.
    expect(route(manifests).spec.rules[0].timeouts).toMatchObject({ request: '0s' });
  });

  it.each([
    ['its own cookie of a day', {}, { affinityType: 'managed-cookie' }],
    [
      'a cookie with a name and an age',
      { name: 'pod', maxAge: 3_600 },
      { affinityType: 'application-cookie', cookieName: 'pod', cookieDuration: '3600s' },
    ],
  ])('support %s', async (_, cookie, expected) => {
    const manifests = await render({ gateway: gatewayOf('azure'), sessionAffinity: { mode: 'cookie', cookie } });
    expect(manifests.get('RoutePolicy').spec.default.sessionAffinity).toEqual(expected);
  });

  it('refuse settings of the cookie that Azure does not have', async () => {
    const message = await refusal({
      gateway: gatewayOf('azure'),
      tls: { enabled: true },
      sessionAffinity: { mode: 'cookie', cookie: { name: 'pod', sameSite: 'Strict' } },
    });
    expect(message).toContain('sessionAffinity.cookie.name: azure has no setting for it');
    expect(message).toContain('sessionAffinity.cookie.sameSite: azure has no setting for it');
  });
});

describe('the policy of Envoy Gateway', () => {
  it('raises the idle timeout', async () => {
    const { spec } = (await render({ gateway: gatewayOf('envoy'), timeouts: { read: 60, send: 120 } })).get(
      'BackendTrafficPolicy',
    );
    expect(spec).toEqual({
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: NAME }],
      timeout: { http: { streamIdleTimeout: '120s' } },
      circuitBreaker: expect.anything(),
    });
  });

  it.each([
    ['as many as the pods accept, twice during a rollout', { limits: { connections: { perPod: 5_000 } } }, 30_000],
    ['any number if the pods limit them by memory', {}, 4_294_967_295],
  ])('lets in %s, instead of 1,024', async (_, config, limit) => {
    const { spec } = (await render({ gateway: gatewayOf('envoy'), config })).get('BackendTrafficPolicy');
    // Each WebSocket is a connection, and a request that never ends.
    expect(spec.circuitBreaker).toEqual({
      maxConnections: limit,
      maxParallelRequests: limit,
      maxPendingRequests: limit,
    });
  });

  it.each([
    [99_999, '99999s'],
    [100_000, '27h46m40s'],
  ])('formats %i s for Gateway API', async (read, expected) => {
    const { spec } = (await render({ gateway: gatewayOf('envoy'), timeouts: { read } })).get('BackendTrafficPolicy');
    expect(spec.timeout.http.streamIdleTimeout).toBe(expected);
  });

  it('hashes the address for clientIP', async () => {
    const manifests = await render({ gateway: gatewayOf('envoy'), sessionAffinity: { mode: 'clientIP' } });
    expect(manifests.get('BackendTrafficPolicy').spec.loadBalancer).toEqual({
      type: 'ConsistentHash',
      consistentHash: { type: 'SourceIP' },
    });
  });
});
