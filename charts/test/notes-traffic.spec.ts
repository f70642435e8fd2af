import { describe, expect, it } from 'vitest';
import { CHART, helm } from './support/helm.ts';
import { gatewayOf, ingressOf } from './support/traffic.ts';

const notes = (values: object): Promise<string> =>
  helm(
    ['install', 'test', CHART, '--namespace', 'test-ns', '--dry-run=client', '--values', '-'],
    JSON.stringify(values),
  ).then((output) => output.slice(output.indexOf('\nNOTES:')));

describe('what Helm prints about reaching the gateway', () => {
  it('is a port forward if nothing exposes it', async () => {
    expect(await notes({})).toContain('kubectl --namespace test-ns port-forward service/test-holdfast 8000:80');
  });

  it.each([
    ['wss://ws.example.com/ws', { ingress: ingressOf('nginx'), tls: { enabled: true } }],
    ['ws://ws.example.com/ws', { ingress: ingressOf('nginx') }],
    ['wss://ws.example.com/ws', { gateway: gatewayOf(''), tls: { enabled: true } }],
    ['ws://ADDRESS:8080/ws', { service: { type: 'LoadBalancer', port: 8080 } }],
  ])('is %s for %j', async (url, values) => {
    expect(await notes(values)).toContain(url);
  });

  it.each([
    ['route', 'nginx'],
    ['GCLB', 'gke'],
    ['AWSALB', 'alb'],
    ['ApplicationGatewayAffinity', 'azure'],
  ] as const)('names the cookie, %s for %s', async (cookie, controller) => {
    const output = await notes({ ingress: ingressOf(controller), sessionAffinity: { mode: 'cookie' } });
    expect(output).toContain(`the cookie "${cookie}"`);
  });

  const LIMIT = 'remembers 100 addresses per pod and node';
  const NOTHING = 'sessionAffinity.mode=clientIP has no effect for clients that come through';

  it('warns of the limited number of addresses with clientIP', async () => {
    const output = await notes({ sessionAffinity: { mode: 'clientIP' } });
    expect(output).toContain(LIMIT);
    expect(output).not.toContain(NOTHING);
    expect(await notes({})).not.toContain(LIMIT);
  });

  it('warns of clientIP behind a proxy that connects to pods directly', async () => {
    const sessionAffinity = { mode: 'clientIP' };
    expect(await notes({ ingress: ingressOf('traefik'), sessionAffinity })).toContain(`${NOTHING} traefik`);
    expect(await notes({ gateway: gatewayOf(''), sessionAffinity })).toContain(`${NOTHING} the Gateway`);
    // These implement client IP affinity themselves.
    expect(await notes({ ingress: ingressOf('gke'), sessionAffinity })).not.toContain(NOTHING);
    expect(await notes({ gateway: gatewayOf('envoy'), sessionAffinity })).not.toContain(NOTHING);
  });

  const NEVER = 'written from its documentation and have never been run';

  it.each(['nginx', 'traefik'] as const)('does not warn of %s, which was run', async (controller) => {
    expect(await notes({ ingress: ingressOf(controller) })).not.toContain(NEVER);
  });

  it.each(['haproxy', 'haproxy-ingress', 'gke', 'alb', 'azure', 'f5'] as const)(
    'warns of %s, which was never run',
    async (controller) => {
      expect(await notes({ ingress: ingressOf(controller) })).toContain(`The settings for ${controller} were ${NEVER}`);
    },
  );

  it("mentions an ALB's readiness gates", async () => {
    expect(await notes({ ingress: ingressOf('alb') })).toContain(
      'kubectl label namespace test-ns elbv2.k8s.aws/pod-readiness-gate-inject=enabled',
    );
  });

  it("mentions the age at which Google's load balancer ends a connection", async () => {
    expect(await notes({ ingress: ingressOf('gke'), timeouts: { read: 1_800 } })).toContain(
      'ends every connection at the age of 1800 s, idle or not. The gateway moves each before the age of 1590 s.',
    );
    const gateway = await notes({ gateway: gatewayOf('gke') });
    expect(gateway).toContain('at the age of 86400 s, idle or not. The gateway moves each before the age of 77730 s.');
    expect(gateway).toContain('If the class of the Gateway is gke-l7-gxlb');
  });
});
