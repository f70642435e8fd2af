import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { refusal, render, type Manifests } from './support/helm.ts';
import { gatewayOf, INGRESS_CONTROLLERS, ingressOf, type IngressController } from './support/traffic.ts';

const SERVICE = 'test-holdfast';

const withCookie = (controller: IngressController, cookie: object = {}, values: object = {}): Promise<Manifests> =>
  render({ ingress: ingressOf(controller), sessionAffinity: { mode: 'cookie', cookie }, ...values });

const annotationsOf = (manifests: Manifests): Record<string, string> => ({
  ...manifests.get('Ingress', SERVICE).metadata.annotations,
  ...manifests.get('Service', SERVICE).metadata.annotations,
});

const refusalOfCookie = (controller: IngressController, cookie: object, values: object = {}): Promise<string> =>
  refusal({ ingress: ingressOf(controller), sessionAffinity: { mode: 'cookie', cookie }, ...values });

const envoyCookie = async (cookie: object): Promise<unknown> => {
  const manifests = await render({ gateway: gatewayOf('envoy'), sessionAffinity: { mode: 'cookie', cookie } });
  return manifests.get('BackendTrafficPolicy').spec.loadBalancer.consistentHash.cookie;
};

/** The age at which the gateway asks connections to move, in seconds. */
const ageOf = (manifests: Manifests): unknown =>
  parse(manifests.get('ConfigMap', SERVICE).data?.['config.yaml'] ?? '')?.connection?.maxAge;

describe('sessionAffinity.mode', () => {
  it('is none by default', async () => {
    expect((await render()).get('Service', SERVICE).spec).not.toHaveProperty('sessionAffinity');
  });

  it('refuses an unknown mode', async () => {
    expect(await refusal({ sessionAffinity: { mode: 'sticky' } })).toContain('mode');
  });

  it('clientIP is an affinity of the Service for three hours', async () => {
    const { spec } = (await render({ sessionAffinity: { mode: 'clientIP' } })).get('Service', SERVICE);
    expect(spec.sessionAffinity).toBe('ClientIP');
    expect(spec.sessionAffinityConfig.clientIP.timeoutSeconds).toBe(10_800);
  });

  it('clientIP accepts another timeout, up to the day that Kubernetes allows', async () => {
    const sessionAffinity = { mode: 'clientIP', clientIP: { timeoutSeconds: 86_400 } };
    const { spec } = (await render({ sessionAffinity })).get('Service', SERVICE);
    expect(spec.sessionAffinityConfig.clientIP.timeoutSeconds).toBe(86_400);
    expect(await refusal({ sessionAffinity: { clientIP: { timeoutSeconds: 86_401 } } })).toContain('timeoutSeconds');
    expect(await refusal({ sessionAffinity: { clientIP: { timeoutSeconds: 0 } } })).toContain('timeoutSeconds');
  });

  it('cookie leaves the Service without affinity', async () => {
    expect((await withCookie('nginx')).get('Service', SERVICE).spec).not.toHaveProperty('sessionAffinity');
  });

  it('cookie needs a proxy that sets it', async () => {
    expect(await refusal({ sessionAffinity: { mode: 'cookie' } })).toContain(
      'a Service does not support cookies; a proxy sets them. Set ingress.enabled or gateway.enabled',
    );
  });

  it('cookie is refused for a Gateway whose implementation has no policy for it', async () => {
    const refused = await refusal({ gateway: gatewayOf(''), sessionAffinity: { mode: 'cookie' } });
    expect(refused).toContain("Gateway API's own session persistence is experimental");
    expect(refused).toContain('Set gateway.controller to one that has a policy for it (gke, azure, envoy)');
  });
});

describe('sessionAffinity.cookie', () => {
  it.each(INGRESS_CONTROLLERS)('has defaults that work for %s', async (controller) => {
    await expect(withCookie(controller)).resolves.toBeDefined();
  });

  it.each([
    ['nginx', 'nginx.ingress.kubernetes.io/session-cookie-name'],
    ['traefik', 'traefik.ingress.kubernetes.io/service.sticky.cookie.name'],
    ['haproxy', 'haproxy.org/cookie-persistence'],
    ['haproxy-ingress', 'haproxy-ingress.github.io/session-cookie-name'],
  ] as const)('has a configurable name for %s', async (controller, annotation) => {
    expect(annotationsOf(await withCookie(controller))[annotation]).toBe('route');
    expect(annotationsOf(await withCookie(controller, { name: 'pod' }))[annotation]).toBe('pod');
  });

  it.each([
    ['nginx', 'nginx.ingress.kubernetes.io/session-cookie-max-age'],
    ['traefik', 'traefik.ingress.kubernetes.io/service.sticky.cookie.maxage'],
  ] as const)('has a configurable age for %s, and is a session cookie by default', async (controller, annotation) => {
    expect(annotationsOf(await withCookie(controller))).not.toHaveProperty([annotation]);
    // Helm would print a number of more than six digits as 3.1536e+07.
    expect(annotationsOf(await withCookie(controller, { maxAge: 31_536_000 }))[annotation]).toBe('31536000');
  });

  it.each([
    ['nginx', 'nginx.ingress.kubernetes.io/session-cookie-samesite', ['Lax', 'Strict', 'None']],
    ['traefik', 'traefik.ingress.kubernetes.io/service.sticky.cookie.samesite', ['lax', 'strict', 'none']],
  ] as const)('has a configurable SameSite for %s', async (controller, annotation, [lax, strict, none]) => {
    expect(annotationsOf(await withCookie(controller))[annotation]).toBe(lax);
    expect(annotationsOf(await withCookie(controller, { sameSite: 'Strict' }))[annotation]).toBe(strict);
    expect(annotationsOf(await withCookie(controller, { sameSite: 'None', secure: true }))[annotation]).toBe(none);
  });

  it.each([
    ['nginx', 'nginx.ingress.kubernetes.io/session-cookie-secure'],
    ['traefik', 'traefik.ingress.kubernetes.io/service.sticky.cookie.secure'],
  ] as const)('is Secure if there is TLS, unless configured otherwise, for %s', async (controller, annotation) => {
    const tls = { enabled: true };
    expect(annotationsOf(await withCookie(controller))[annotation]).toBe('false');
    expect(annotationsOf(await withCookie(controller, {}, { tls }))[annotation]).toBe('true');
    expect(annotationsOf(await withCookie(controller, { secure: true }))[annotation]).toBe('true');
    expect(annotationsOf(await withCookie(controller, { secure: false }, { tls }))[annotation]).toBe('false');
  });

  it('of haproxy-ingress has its attributes in keywords', async () => {
    const keywords = 'haproxy-ingress.github.io/session-cookie-keywords';
    const sameSite = 'haproxy-ingress.github.io/session-cookie-same-site';
    expect(annotationsOf(await withCookie('haproxy-ingress'))).not.toHaveProperty([keywords]);
    expect(annotationsOf(await withCookie('haproxy-ingress', { secure: true }))[keywords]).toBe(
      'indirect nocache httponly secure',
    );
    const crossSite = annotationsOf(await withCookie('haproxy-ingress', { secure: true, sameSite: 'None' }));
    expect(crossSite[sameSite]).toBe('true');
    // The same-site key adds Secure itself.
    expect(crossSite).not.toHaveProperty([keywords]);
  });

  it('of F5 is one line', async () => {
    const cookie = { name: 'pod', maxAge: 604_800, secure: true, sameSite: 'Strict' };
    expect(annotationsOf(await withCookie('f5', cookie))['nginx.org/sticky-cookie-services']).toBe(
      'serviceName=test-holdfast pod path=/ httponly expires=604800s samesite=strict secure',
    );
  });

  it('of Google and AWS has a configurable age', async () => {
    const gke = await withCookie('gke', { maxAge: 3_600 });
    expect(gke.get('BackendConfig').spec.sessionAffinity.affinityCookieTtlSec).toBe(3_600);
    const alb = annotationsOf(await withCookie('alb', { maxAge: 3_600 }));
    expect(alb['alb.ingress.kubernetes.io/target-group-attributes']).toContain(
      'stickiness.lb_cookie.duration_seconds=3600',
    );
  });

  it('of Envoy Gateway supports all settings, and an age of any number of digits', async () => {
    expect(await envoyCookie({})).toEqual({ name: 'route', ttl: '0s', attributes: { SameSite: 'Lax' } });
    expect(await envoyCookie({ name: 'pod', maxAge: 604_800, secure: true, sameSite: 'None' })).toEqual({
      name: 'pod',
      ttl: '168h0m0s',
      attributes: { SameSite: 'None', Secure: '' },
    });
  });

  it.each([
    ['haproxy', { maxAge: 60 }],
    ['haproxy', { secure: true }],
    ['haproxy', { sameSite: 'Strict' }],
    ['haproxy-ingress', { maxAge: 60 }],
    ['haproxy-ingress', { sameSite: 'Strict' }],
    ['gke', { name: 'pod' }],
    ['gke', { secure: true }],
    ['gke', { sameSite: 'Strict' }],
    ['alb', { name: 'pod' }],
    ['alb', { secure: true }],
    ['alb', { sameSite: 'Strict' }],
    ['azure', { name: 'pod' }],
    ['azure', { maxAge: 60 }],
    ['azure', { secure: true }],
    ['azure', { sameSite: 'Strict' }],
  ] as const)('is refused for %s, which has no setting for %j', async (controller, cookie) => {
    expect(await refusalOfCookie(controller, cookie)).toContain(
      `sessionAffinity.cookie.${Object.keys(cookie)[0]}: ${controller} has no setting for it.`,
    );
  });

  it.each([
    ['gke', 1_209_601],
    ['alb', 604_801],
  ] as const)(
    'is refused for %s if it should live longer than the load balancer allows',
    async (controller, maxAge) => {
      expect(await refusalOfCookie(controller, { maxAge })).toContain(
        `sessionAffinity.cookie.maxAge: ${controller} supports at most ${maxAge - 1} seconds`,
      );
    },
  );

  it('of a Google Gateway has a fixed name', async () => {
    const sessionAffinity = { mode: 'cookie', cookie: { name: 'pod' } };
    expect(await refusal({ gateway: gatewayOf('gke'), sessionAffinity })).toContain('sessionAffinity.cookie.name: gke');
  });

  it('is refused with SameSite=None and no TLS: browsers drop it', async () => {
    expect(await refusalOfCookie('nginx', { sameSite: 'None' })).toContain(
      'browsers drop such a cookie without Secure',
    );
    await expect(withCookie('nginx', { sameSite: 'None' }, { tls: { enabled: true } })).resolves.toBeDefined();
  });

  it.each([{ name: 'a b' }, { name: 'a;b' }, { name: '' }, { sameSite: 'lax' }, { maxAge: -1 }, { secure: 'yes' }])(
    'refuses %j',
    async (cookie) => {
      expect(await refusal({ sessionAffinity: { cookie } })).toContain(Object.keys(cookie)[0]);
    },
  );
});

describe("the age at which Google's load balancer ends a connection", () => {
  it.each([
    ['an Ingress, at timeouts.read', { ingress: ingressOf('gke') }, 7_200, 6_420],
    ['an Ingress, at a day', { ingress: ingressOf('gke') }, 604_800, 77_700],
    ['a Gateway, at a day', { gateway: gatewayOf('gke') }, 7_200, 77_700],
    ['both, at the lower one', { ingress: ingressOf('gke'), gateway: gatewayOf('gke') }, 7_200, 6_420],
  ])('is above the age at which the gateway moves its clients, for %s', async (_, values, read, age) => {
    expect(ageOf(await render({ ...values, timeouts: { read, drain: 60 } }))).toBe(age);
  });

  it('does not apply to other controllers', async () => {
    expect(ageOf(await render({ ingress: ingressOf('nginx') }))).toBeUndefined();
    expect(ageOf(await render())).toBeUndefined();
  });

  it('does not change a lower age that the user configured', async () => {
    const connection = { maxAge: 1_800 };
    expect(ageOf(await render({ ingress: ingressOf('gke'), config: { connection } }))).toBe(1_800);
  });

  it.each([0, 3_570, 3_600, 86_400])(
    'refuses a maxAge of %i s, because the load balancer would be first',
    async (maxAge) => {
      expect(await refusal({ ingress: ingressOf('gke'), config: { connection: { maxAge } } })).toContain(
        "config.connection.maxAge: Google's load balancer ends every connection at the age of 3600 s",
      );
    },
  );

  it('refuses a timeout that leaves no time to move', async () => {
    expect(await refusal({ ingress: ingressOf('gke'), timeouts: { read: 30 } })).toContain('raise timeouts.read');
  });
});
