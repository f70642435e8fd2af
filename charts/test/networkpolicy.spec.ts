import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/helm.ts';

const CONTROLLER = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'traefik' } } };

function networkPolicy(values: object = {}): object {
  return { networkPolicy: { enabled: true, controllers: [CONTROLLER], ...values } };
}

describe('the NetworkPolicy', () => {
  it('allows ingress from the configured peers and the test to one port, and egress to DNS and the bundled Redis', async () => {
    const manifests = await render(networkPolicy());
    const { spec } = manifests.get('NetworkPolicy', 'test-holdfast');
    const redis = manifests.get('Deployment', 'test-holdfast-redis').spec.selector;
    const { labels } = manifests.get('Pod').metadata;
    expect(spec).toEqual({
      podSelector: manifests.deployment.spec.selector,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [
            { podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'test' }) } },
            CONTROLLER,
          ],
          ports: [{ port: 8000 }],
        },
      ],
      egress: [
        {
          ports: [
            { port: 53, protocol: 'UDP' },
            { port: 53, protocol: 'TCP' },
            // OpenShift's DNS pods.
            { port: 5353, protocol: 'UDP' },
            { port: 5353, protocol: 'TCP' },
          ],
        },
        { to: [{ podSelector: redis }], ports: [{ port: 6379 }] },
      ],
    });
    expect(labels).toMatchObject(spec.ingress[0].from[0].podSelector.matchLabels);
  });

  it('allows only the gateway to reach the bundled Redis, and Redis to reach nothing', async () => {
    const manifests = await render(networkPolicy());
    const redis = manifests.get('Deployment', 'test-holdfast-redis').spec;
    expect(manifests.get('NetworkPolicy', 'test-holdfast-redis').spec).toEqual({
      podSelector: redis.selector,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: manifests.deployment.spec.selector }], ports: [{ port: 6379 }] }],
    });
  });

  // broker-ports.spec.ts has every kind of URL.
  it.each([
    ['redis+sentinel://:p@a:26380,b/primary', [26_380, 26_379, 6379]],
    ['postgres://user@pooler:6432/app?listen=db', [6432, 5432]],
  ])('allows egress to the ports of the broker %s', async (url, ports) => {
    const { spec } = (await render({ ...networkPolicy(), broker: { url } })).get('NetworkPolicy');
    expect(spec.egress[1]).toEqual({ ports: ports.map((port) => ({ port })) });
  });

  it.each([
    ['existingSecret', { broker: { existingSecret: 'broker' } }],
    ['extraEnv', { extraEnv: [{ name: 'HOLDFAST_BROKER', value: 'nats://n' }] }],
  ])('requires the ports of a broker whose URL it does not know: %s', async (_, values) => {
    expect(await refusal({ ...networkPolicy(), ...values })).toContain('networkPolicy.egress.broker.ports: expected');
    const known = { ...networkPolicy({ egress: { broker: { ports: [4222] } } }), ...values };
    expect((await render(known)).get('NetworkPolicy').spec.egress[1]).toEqual({ ports: [{ port: 4222 }] });
  });

  it('allows no egress to a broker if there is none', async () => {
    const values = { ...networkPolicy(), redis: { enabled: false }, replicaCount: 1 };
    expect((await render(values)).get('NetworkPolicy').spec.egress).toHaveLength(1);
    const memory = { ...values, broker: { url: 'memory:' } };
    expect((await render(memory)).get('NetworkPolicy').spec.egress).toHaveLength(1);
  });

  it('allows DNS only to certain servers and ports if configured', async () => {
    const to = [{ ipBlock: { cidr: '169.254.20.10/32' } }];
    const { spec } = (await render(networkPolicy({ egress: { dns: { to, ports: [53] } } }))).get(
      'NetworkPolicy',
      'test-holdfast',
    );
    expect(spec.egress[0]).toEqual({
      to,
      ports: [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ],
    });
  });

  it('refuses to block every client', async () => {
    expect(await refusal({ networkPolicy: { enabled: true } })).toContain('networkPolicy: no client could connect');
  });
});
