import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/helm.ts';
import { gatewayOf, ingressOf } from './support/traffic.ts';

const POLICY = { enabled: true, controllers: [{ podSelector: {} }] };

/** Values of which some have no effect, and the beginning of what is reported about each of these. */
const CASES: readonly [name: string, values: object, problems: readonly string[]][] = [
  [
    'TLS without tls.enabled',
    {
      ingress: ingressOf('nginx'),
      gateway: gatewayOf('', { redirectParentRefs: [{ name: 'public' }] }),
      tls: { secretName: 'mine', certManager: { issuer: 'ca' } },
    },
    [
      'tls.secretName: has no effect without tls.enabled',
      'tls.certManager: has no effect without tls.enabled',
      'gateway.redirectParentRefs: redirects to https, but tls.enabled is false',
    ],
  ],
  [
    'TLS of an Ingress with a Gateway',
    {
      gateway: gatewayOf(''),
      tls: { enabled: true, secretName: 'mine', certManager: { clusterIssuer: 'ca' }, redirect: false },
    },
    [
      'tls.secretName: has no effect without ingress.enabled',
      'tls.certManager: has no effect without ingress.enabled',
      'tls.redirect: has no effect without ingress.enabled',
    ],
  ],
  [
    'a certificate for no host',
    { ingress: ingressOf('nginx', { hosts: [] }), tls: { enabled: true, certManager: { issuer: 'ca' } } },
    ['tls.certManager: has no effect without ingress.hosts'],
  ],
  [
    'TLS of an ALB without a host or a certificate',
    { ingress: ingressOf('alb', { hosts: [] }), tls: { enabled: true } },
    ['tls.enabled: an ALB finds its certificate in ACM by ingress.hosts, which is empty'],
  ],
  [
    'a load balancer of a Service without one',
    { service: { nodePort: 30_080, loadBalancerClass: 'a', loadBalancerSourceRanges: ['192.0.2.0/24'] } },
    [
      'service.nodePort: has no effect with service.type ClusterIP',
      'service.loadBalancerClass: has no effect with service.type ClusterIP',
      'service.loadBalancerSourceRanges: has no effect with service.type ClusterIP',
    ],
  ],
  [
    'affinity of another mode, and values without a proxy',
    {
      sessionAffinity: {
        clientIP: { timeoutSeconds: 60 },
        cookie: { name: 'pod', maxAge: 60, secure: false, sameSite: 'Strict' },
      },
      timeouts: { read: 60, send: 60 },
      ingress: { exposeApi: true },
    },
    [
      'sessionAffinity.clientIP: has no effect with sessionAffinity.mode none',
      ...['name', 'maxAge', 'secure', 'sameSite'].map(
        (key) => `sessionAffinity.cookie.${key}: has no effect with sessionAffinity.mode none`,
      ),
      'timeouts.read: has no effect without ingress.enabled or gateway.enabled',
      'timeouts.send: has no effect without ingress.enabled or gateway.enabled',
      'ingress.exposeApi: has no effect without ingress.enabled or gateway.enabled',
    ],
  ],
  [
    'timeouts that the controller has no setting for',
    { ingress: ingressOf('traefik'), timeouts: { read: 60, send: 60 } },
    [
      'timeouts.read: has no effect with ingress.controller traefik, which has no setting for it',
      'timeouts.send: has no effect with ingress.controller traefik, which has no setting for it',
    ],
  ],
  [
    'a timeout for data from clients at Google',
    { gateway: gatewayOf('gke'), timeouts: { read: 7_200, send: 60 } },
    ['timeouts.send: has no effect with gateway.controller gke, which has no setting for it'],
  ],
  [
    'a NetworkPolicy that blocks Prometheus, and peers without ports',
    {
      networkPolicy: {
        ...POLICY,
        egress: {
          broker: { ports: [6379] },
          jwks: { to: [{ podSelector: {} }] },
          webhooks: { to: [{ podSelector: {} }] },
        },
      },
      metrics: { serviceMonitor: { enabled: true } },
    },
    [
      'networkPolicy.monitoring: expected the peers that may reach port 8001, because metrics.serviceMonitor needs the metrics',
      'networkPolicy.egress.jwks.to: has no effect without networkPolicy.egress.jwks.ports',
      'networkPolicy.egress.webhooks.to: has no effect without networkPolicy.egress.webhooks.ports',
      'networkPolicy.egress.broker: has no effect with the bundled Redis',
    ],
  ],
  [
    'a NetworkPolicy that blocks a Prometheus that finds pods by annotation',
    { networkPolicy: POLICY, podAnnotations: { 'prometheus.io/scrape': 'true' } },
    ['networkPolicy.monitoring: expected the peers that may reach port 8001, because podAnnotations needs the metrics'],
  ],
];

describe('values without an effect', () => {
  it.each(CASES)('are refused with the name of what disables them: %s', async (_, values, problems) => {
    const lines = (await refusal(values)).split('\n').map((line) => line.trim());
    for (const problem of problems) {
      expect(lines.filter((line) => line.startsWith(problem))).toHaveLength(1);
    }
    // Nothing else is reported.
    expect(lines.filter((line) => /^[\w.]+: /.test(line) && !line.startsWith('Error:'))).toHaveLength(problems.length);
  });

  it('are accepted if they have one', async () => {
    const manifests = await render({
      ingress: ingressOf('alb', {
        hosts: [],
        annotations: { 'alb.ingress.kubernetes.io/certificate-arn': 'arn:aws:acm:eu-central-1:1:certificate/1' },
      }),
      tls: { enabled: true, redirect: false },
      timeouts: { read: 60, send: 60 },
      networkPolicy: { ...POLICY, monitoring: [{ podSelector: {} }] },
      metrics: { serviceMonitor: { enabled: true } },
    });
    // An entry without a host or a secret would name nothing.
    expect(manifests.get('Ingress').spec).not.toHaveProperty('tls');
    // Other rules may admit Prometheus.
    await render({
      networkPolicy: { ...POLICY, extraIngress: [{ from: [{ podSelector: {} }] }] },
      metrics: { serviceMonitor: { enabled: true } },
    });
  });

  it('include no spread that is off, with and without quotes', async () => {
    // YAML reads an unquoted `off` as false.
    const { deployment } = await render({ topologySpread: { zones: false, hosts: 'off' } });
    expect(deployment.spec.template.spec).not.toHaveProperty('topologySpreadConstraints');
  });
});
