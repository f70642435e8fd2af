import { describe, expect, it } from 'vitest';
import { CHART, helm } from './support/helm.ts';
import { gatewayOf, ingressOf } from './support/traffic.ts';

const notes = (values: object): Promise<string> =>
  helm(
    ['install', 'test', CHART, '--namespace', 'test-ns', '--dry-run=client', '--values', '-'],
    JSON.stringify(values),
  ).then((output) => output.slice(output.indexOf('\nNOTES:')));

describe('what Helm prints about the way to the gateway', () => {
  it('is a port forward where nothing leads in', async () => {
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
    const told = await notes({ ingress: ingressOf(controller), sessionAffinity: { mode: 'cookie' } });
    expect(told).toContain(`the cookie "${cookie}"`);
  });

  const LIMIT = 'remembers 100 addresses for each pod and node';
  const NOTHING = 'sessionAffinity.mode=clientIP does nothing for clients that come through';

  it('warns of how few addresses clientIP remembers', async () => {
    const told = await notes({ sessionAffinity: { mode: 'clientIP' } });
    expect(told).toContain(LIMIT);
    expect(told).not.toContain(NOTHING);
    expect(await notes({})).not.toContain(LIMIT);
  });

  it('warns of clientIP behind a proxy that dials pods', async () => {
    const sessionAffinity = { mode: 'clientIP' };
    expect(await notes({ ingress: ingressOf('traefik'), sessionAffinity })).toContain(`${NOTHING} traefik`);
    expect(await notes({ gateway: gatewayOf(''), sessionAffinity })).toContain(`${NOTHING} the Gateway`);
    // These have an affinity of that kind themselves.
    expect(await notes({ ingress: ingressOf('gke'), sessionAffinity })).not.toContain(NOTHING);
    expect(await notes({ gateway: gatewayOf('envoy'), sessionAffinity })).not.toContain(NOTHING);
  });

  const NEVER = 'written from its documentation and was never run';

  it.each(['nginx', 'traefik'] as const)('says nothing against %s, which was run', async (controller) => {
    expect(await notes({ ingress: ingressOf(controller) })).not.toContain(NEVER);
  });

  it.each(['haproxy', 'haproxy-ingress', 'gke', 'alb', 'azure', 'f5'] as const)(
    'warns of %s, which never was',
    async (controller) => {
      expect(await notes({ ingress: ingressOf(controller) })).toContain(
        `What is rendered for ${controller} is ${NEVER}`,
      );
    },
  );

  it("tells of an ALB's readiness gates", async () => {
    expect(await notes({ ingress: ingressOf('alb') })).toContain(
      'kubectl label namespace test-ns elbv2.k8s.aws/pod-readiness-gate-inject=enabled',
    );
  });

  it("tells at which age Google's load balancer cuts a connection", async () => {
    expect(await notes({ gateway: gatewayOf('gke'), timeouts: { read: 1_800 } })).toContain(
      'cuts every connection at the age of 1800 s, busy or not. The gateway asks each to move by 1590 s.',
    );
  });
});
