import { describe, expect, it } from 'vitest';
import { refusal, render, type Manifests } from './support/helm.ts';
import { INGRESS_CONTROLLERS, ingressOf } from './support/traffic.ts';

const NAME = 'test-holdfast';

const ingress = (manifests: Manifests) => manifests.get('Ingress', NAME);

const annotations = (manifests: Manifests): Record<string, string> => ingress(manifests).metadata.annotations ?? {};

const pathsOf = (manifests: Manifests): string[] =>
  ingress(manifests).spec.rules[0].http.paths.map(
    ({ path, pathType }: { path: string; pathType: string }) => `${pathType} ${path}`,
  );

const rulesOf = async (hosts: string[]): Promise<{ host?: string; http: object }[]> =>
  ingress(await render({ ingress: { enabled: true, hosts } })).spec.rules;

describe('the Ingress', () => {
  it('is not rendered by default', async () => {
    expect((await render()).find('Ingress')).toEqual([]);
  });

  it('refuses an unknown controller', async () => {
    expect(await refusal({ ingress: { enabled: true, controller: 'kong' } })).toContain('controller');
  });

  describe.each(INGRESS_CONTROLLERS)('for %s', (controller) => {
    it('routes only /ws', async () => {
      expect(pathsOf(await render({ ingress: ingressOf(controller) }))).toEqual(['Exact /ws']);
    });

    it('renders annotations as strings, as Kubernetes requires', async () => {
      const manifests = await render({
        ingress: ingressOf(controller),
        sessionAffinity: { mode: 'cookie' },
        tls: { enabled: true },
      });
      const values = [ingress(manifests), manifests.get('Service', NAME)].flatMap(({ metadata }) =>
        Object.values(metadata.annotations ?? {}),
      );
      expect(values.filter((value) => typeof value !== 'string')).toEqual([]);
    });

    it("gives precedence to the user's annotations", async () => {
      const own = annotations(await render({ ingress: ingressOf(controller), tls: { enabled: true } }));
      const [key = 'example.com/key'] = Object.keys(own);
      const manifests = await render({
        ingress: ingressOf(controller, { annotations: { [key]: 'mine', 'example.com/more': 'more' } }),
        tls: { enabled: true },
      });
      expect(annotations(manifests)).toEqual({ ...own, [key]: 'mine', 'example.com/more': 'more' });
    });
  });

  it('routes the chat page if it is enabled, by its own paths and not by /', async () => {
    const demo = ['Exact /ws', 'Exact /', 'Prefix /assets', 'Prefix /demo'];
    expect(pathsOf(await render({ ingress: ingressOf('nginx'), config: { demo: true } }))).toEqual(demo);
    const config = { mode: 'development' };
    expect(pathsOf(await render({ ingress: ingressOf('nginx'), config }))).toEqual(demo);
  });

  it('routes the API only if enabled', async () => {
    expect(pathsOf(await render({ ingress: ingressOf('nginx', { exposeApi: true }) }))).toEqual([
      'Exact /ws',
      'Prefix /api',
    ]);
  });

  it('routes every configured host, or any host', async () => {
    const [one, two] = await rulesOf(['a.example.com', '*.example.org']);
    expect([one?.host, two?.host]).toEqual(['a.example.com', '*.example.org']);
    expect(two?.http).toEqual(one?.http);
    expect(await rulesOf([])).toEqual([{ http: one?.http }]);
  });

  it.each([
    ['nginx', 'nginx'],
    ['traefik', 'traefik'],
    ['haproxy', 'haproxy'],
    ['haproxy-ingress', 'haproxy'],
    ['alb', 'alb'],
    ['azure', 'azure-application-gateway'],
    ['f5', 'nginx'],
  ] as const)('for %s is of class %s, or another', async (controller, className) => {
    expect(ingress(await render({ ingress: ingressOf(controller) })).spec.ingressClassName).toBe(className);
    const manifests = await render({ ingress: ingressOf(controller, { className: 'internal' }) });
    expect(ingress(manifests).spec.ingressClassName).toBe('internal');
  });

  it('for gke has its class in an annotation, the only place where GKE reads it', async () => {
    const manifests = await render({ ingress: ingressOf('gke') });
    expect(annotations(manifests)['kubernetes.io/ingress.class']).toBe('gce');
    expect(ingress(manifests).spec).not.toHaveProperty('ingressClassName');
    const internal = await render({ ingress: ingressOf('gke', { className: 'gce-internal' }) });
    expect(annotations(internal)['kubernetes.io/ingress.class']).toBe('gce-internal');
  });

  it('for f5 needs a host: its controller rejects an Ingress without one', async () => {
    expect(await refusal({ ingress: { enabled: true, controller: 'f5' } })).toContain('ingress.hosts: F5');
  });
});

describe('timeouts.read and timeouts.send', () => {
  const timeouts = { read: 1_800, send: 900 };

  it.each([
    [
      'nginx',
      {
        'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
        'nginx.ingress.kubernetes.io/proxy-send-timeout': '3600',
      },
    ],
    ['haproxy-ingress', { 'haproxy-ingress.github.io/timeout-tunnel': '3600s' }],
    ['alb', { 'alb.ingress.kubernetes.io/load-balancer-attributes': 'idle_timeout.timeout_seconds=3600' }],
    ['azure', { 'appgw.ingress.kubernetes.io/request-timeout': '3600' }],
    ['f5', { 'nginx.org/proxy-read-timeout': '3600s', 'nginx.org/proxy-send-timeout': '3600s' }],
  ] as const)('are an hour by default for %s', async (controller, expected) => {
    expect(annotations(await render({ ingress: ingressOf(controller) }))).toMatchObject(expected);
  });

  it.each([
    [
      'nginx',
      {
        'nginx.ingress.kubernetes.io/proxy-read-timeout': '1800',
        'nginx.ingress.kubernetes.io/proxy-send-timeout': '900',
      },
    ],
    ['f5', { 'nginx.org/proxy-read-timeout': '1800s', 'nginx.org/proxy-send-timeout': '900s' }],
    ['haproxy-ingress', { 'haproxy-ingress.github.io/timeout-tunnel': '1800s' }],
    ['alb', { 'alb.ingress.kubernetes.io/load-balancer-attributes': 'idle_timeout.timeout_seconds=1800' }],
    ['azure', { 'appgw.ingress.kubernetes.io/request-timeout': '1800' }],
  ] as const)('are used for %s; the longer one if there is only one limit', async (controller, expected) => {
    expect(annotations(await render({ ingress: ingressOf(controller), timeouts }))).toMatchObject(expected);
  });

  it('are used for haproxy, on the Service', async () => {
    const { metadata } = (await render({ ingress: ingressOf('haproxy'), timeouts })).get('Service', NAME);
    expect(metadata.annotations?.['haproxy.org/backend-config-snippet']).toBe('timeout tunnel 1800s');
  });

  it('are used for gke, in the BackendConfig that the Service names', async () => {
    const manifests = await render({ ingress: ingressOf('gke'), timeouts: { read: 1_800 } });
    expect(manifests.get('BackendConfig', NAME).spec.timeoutSec).toBe(1_800);
    const { metadata } = manifests.get('Service', NAME);
    expect(metadata.annotations).toEqual({
      'cloud.google.com/neg': '{"ingress":true}',
      'cloud.google.com/backend-config': `{"default":"${NAME}"}`,
    });
  });

  it.each([
    ['alb', 4_000],
    ['azure', 86_400],
  ] as const)('are refused for %s above %i s', async (controller, maximum) => {
    const limit = { ingress: ingressOf(controller), timeouts: { send: maximum } };
    await expect(render(limit)).resolves.toBeDefined();
    expect(await refusal({ ...limit, timeouts: { send: maximum + 1 } })).toContain(
      `timeouts.read and timeouts.send: ${controller} supports at most ${maximum} seconds, but this is ${maximum + 1}`,
    );
  });

  it.each([{ read: 0 }, { send: 0 }, { read: 'long' }])('refuse %j', async (values) => {
    expect(await refusal({ timeouts: values })).toContain(Object.keys(values)[0]);
  });
});

describe('the health check of a cloud', () => {
  it("checks whether the pod accepts connections, on the pod's port", async () => {
    expect(annotations(await render({ ingress: ingressOf('alb') }))).toMatchObject({
      'alb.ingress.kubernetes.io/healthcheck-path': '/health/ready',
      'alb.ingress.kubernetes.io/target-type': 'ip',
    });
    expect(annotations(await render({ ingress: ingressOf('azure') }))).toMatchObject({
      'appgw.ingress.kubernetes.io/health-probe-path': '/health/ready',
      'appgw.ingress.kubernetes.io/health-probe-port': '8000',
    });
    expect((await render({ ingress: ingressOf('gke') })).get('BackendConfig').spec.healthCheck).toMatchObject({
      type: 'HTTP',
      requestPath: '/health/ready',
      port: 8000,
    });
  });

  it('of Google never has a timeout longer than its interval', async () => {
    const readiness = { periodSeconds: 2, timeoutSeconds: 5 };
    const manifests = await render({ ingress: ingressOf('gke'), probes: { readiness } });
    expect(manifests.get('BackendConfig').spec.healthCheck).toMatchObject({ checkIntervalSec: 2, timeoutSec: 2 });
  });
});

describe("a cloud's draining", () => {
  const timeouts = { preStop: 20, settle: 10.5, drain: 40, margin: 10 };

  it('lasts as long as a pod takes to stop: preStop, settle and drain', async () => {
    const gke = await render({ ingress: ingressOf('gke'), timeouts });
    expect(gke.get('BackendConfig').spec.connectionDraining).toEqual({ drainingTimeoutSec: 71 });
    expect(annotations(await render({ ingress: ingressOf('alb'), timeouts }))).toMatchObject({
      'alb.ingress.kubernetes.io/target-group-attributes':
        'deregistration_delay.timeout_seconds=71,stickiness.enabled=false',
    });
    expect(annotations(await render({ ingress: ingressOf('azure'), timeouts }))).toMatchObject({
      'appgw.ingress.kubernetes.io/connection-draining': 'true',
      'appgw.ingress.kubernetes.io/connection-draining-timeout': '71',
    });
  });

  it.each(['gke', 'alb', 'azure'] as const)('is refused for %s above an hour', async (controller) => {
    expect(
      await refusal({
        ingress: ingressOf(controller),
        timeouts: { preStop: 1, settle: 10, drain: 3_600, read: 4_000 },
      }),
    ).toContain(`timeouts.preStop + settle + drain: ${controller} supports at most 3600 seconds, but this is 3611`);
  });
});

describe('TLS', () => {
  it('is off by default', async () => {
    expect(ingress(await render({ ingress: ingressOf('nginx') })).spec).not.toHaveProperty('tls');
  });

  it('uses an existing secret', async () => {
    const manifests = await render({ ingress: ingressOf('nginx'), tls: { enabled: true, secretName: 'mine' } });
    expect(ingress(manifests).spec.tls).toEqual([{ hosts: ['ws.example.com'], secretName: 'mine' }]);
  });

  it("uses the controller's own certificate if no secret is named", async () => {
    const tls = { enabled: true };
    expect(ingress(await render({ ingress: ingressOf('nginx'), tls })).spec.tls).toEqual([
      { hosts: ['ws.example.com'] },
    ]);
    expect(ingress(await render({ ingress: { enabled: true }, tls })).spec.tls).toEqual([{}]);
  });

  it.each(['gke', 'azure'] as const)(
    'for %s has no tls section, which would override certificates from annotations',
    async (controller) => {
      const manifests = await render({ ingress: ingressOf(controller), tls: { enabled: true } });
      expect(ingress(manifests).spec).not.toHaveProperty('tls');
    },
  );

  it.each([
    ['clusterIssuer', 'cert-manager.io/cluster-issuer'],
    ['issuer', 'cert-manager.io/issuer'],
  ])("uses cert-manager's %s", async (kind, annotation) => {
    const certManager = { [kind]: 'letsencrypt' };
    const manifests = await render({ ingress: ingressOf('nginx'), tls: { enabled: true, certManager } });
    expect(annotations(manifests)[annotation]).toBe('letsencrypt');
    expect(ingress(manifests).spec.tls).toEqual([{ hosts: ['ws.example.com'], secretName: `${NAME}-tls` }]);
  });

  it('refuses two issuers', async () => {
    expect(await refusal({ tls: { certManager: { clusterIssuer: 'a', issuer: 'b' } } })).toContain(
      'are mutually exclusive',
    );
  });

  it('needs something that terminates it', async () => {
    expect(await refusal({ tls: { enabled: true } })).toContain('Set ingress.enabled or gateway.enabled');
  });

  it.each([{ secretName: 'mine' }, { certManager: { issuer: 'letsencrypt' } }])(
    'for an ALB does not use secrets of the cluster: %j is refused',
    async (values) => {
      expect(await refusal({ ingress: ingressOf('alb'), tls: { enabled: true, ...values } })).toContain(
        'an ALB uses certificates from ACM',
      );
    },
  );

  it.each([
    ['nginx', 'nginx.ingress.kubernetes.io/ssl-redirect'],
    ['haproxy', 'haproxy.org/ssl-redirect'],
    ['haproxy-ingress', 'haproxy-ingress.github.io/ssl-redirect'],
    ['azure', 'appgw.ingress.kubernetes.io/ssl-redirect'],
    ['f5', 'nginx.org/ssl-redirect'],
  ] as const)('redirects http to https for %s, unless disabled', async (controller, annotation) => {
    const tls = { enabled: true };
    expect(annotations(await render({ ingress: ingressOf(controller), tls }))[annotation]).toBe('true');
    const off = await render({ ingress: ingressOf(controller), tls: { ...tls, redirect: false } });
    expect(annotations(off)[annotation]).toBe('false');
    expect(annotations(await render({ ingress: ingressOf(controller) }))).not.toHaveProperty([annotation]);
  });

  it('redirects http to https for alb, unless disabled', async () => {
    const key = 'alb.ingress.kubernetes.io/ssl-redirect';
    const on = annotations(await render({ ingress: ingressOf('alb'), tls: { enabled: true } }));
    expect(on).toMatchObject({
      [key]: '443',
      'alb.ingress.kubernetes.io/listen-ports': '[{"HTTP":80},{"HTTPS":443}]',
    });
    const off = await render({ ingress: ingressOf('alb'), tls: { enabled: true, redirect: false } });
    expect(annotations(off)).not.toHaveProperty([key]);
  });

  it('redirects http to https for gke with a FrontendConfig, unless disabled', async () => {
    const on = await render({ ingress: ingressOf('gke'), tls: { enabled: true } });
    expect(on.get('FrontendConfig', NAME).spec.redirectToHttps.enabled).toBe(true);
    expect(annotations(on)['networking.gke.io/v1beta1.FrontendConfig']).toBe(NAME);
    const off = await render({ ingress: ingressOf('gke'), tls: { enabled: true, redirect: false } });
    expect(off.find('FrontendConfig')).toEqual([]);
    expect(annotations(off)).not.toHaveProperty(['networking.gke.io/v1beta1.FrontendConfig']);
  });

  it('redirects http to https for traefik with a Middleware, unless disabled', async () => {
    const key = 'traefik.ingress.kubernetes.io/router.middlewares';
    const on = await render({ ingress: ingressOf('traefik'), tls: { enabled: true } });
    expect(on.get('Middleware', NAME).spec.redirectScheme).toEqual({ scheme: 'https', permanent: true });
    expect(annotations(on)[key]).toBe(`test-ns-${NAME}@kubernetescrd`);
    const off = await render({ ingress: ingressOf('traefik'), tls: { enabled: true, redirect: false } });
    expect(off.find('Middleware')).toEqual([]);
    expect(annotations(off)).not.toHaveProperty([key]);
  });
});
