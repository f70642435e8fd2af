import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/helm.ts';

const SERVICE = 'test-holdfast';

describe('the Service', () => {
  it('maps port 80 to the WebSocket and the API, never to the management port', async () => {
    const { spec } = (await render()).get('Service', SERVICE);
    expect(spec).toMatchObject({ type: 'ClusterIP', ports: [{ name: 'http', port: 80, targetPort: 'http' }] });
    expect(spec.ports).toHaveLength(1);
  });

  it('accepts another port, which the routes use', async () => {
    const manifests = await render({
      service: { port: 8080 },
      gateway: { enabled: true, parentRefs: [{ name: 'public' }] },
    });
    expect(manifests.get('Service', SERVICE).spec.ports[0].port).toBe(8080);
    expect(manifests.get('HTTPRoute').spec.rules[0].backendRefs[0].port).toBe(8080);
  });

  it('has no annotations by default', async () => {
    expect((await render()).get('Service', SERVICE).metadata.annotations).toBeUndefined();
  });

  it('accepts annotations', async () => {
    const annotations = { 'service.beta.kubernetes.io/aws-load-balancer-type': 'external' };
    const manifests = await render({ service: { type: 'LoadBalancer', annotations } });
    expect(manifests.get('Service', SERVICE).metadata.annotations).toEqual(annotations);
  });

  it('has the annotations that its ingress controller reads there, which the user can override', async () => {
    const manifests = await render({
      ingress: { enabled: true, controller: 'haproxy' },
      sessionAffinity: { mode: 'cookie' },
      service: { annotations: { 'haproxy.org/backend-config-snippet': 'timeout tunnel 2h' } },
    });
    expect(manifests.get('Service', SERVICE).metadata.annotations).toEqual({
      'haproxy.org/backend-config-snippet': 'timeout tunnel 2h',
      'haproxy.org/cookie-persistence': 'route',
    });
  });

  it.each(['Cluster', 'Local'])('accepts externalTrafficPolicy %s', async (externalTrafficPolicy) => {
    const manifests = await render({ service: { type: 'LoadBalancer', externalTrafficPolicy } });
    expect(manifests.get('Service', SERVICE).spec.externalTrafficPolicy).toBe(externalTrafficPolicy);
  });

  it('leaves externalTrafficPolicy to Kubernetes by default', async () => {
    const manifests = await render({ service: { type: 'NodePort' } });
    expect(manifests.get('Service', SERVICE).spec).not.toHaveProperty('externalTrafficPolicy');
  });

  it('refuses externalTrafficPolicy if no traffic comes from outside', async () => {
    expect(await refusal({ service: { externalTrafficPolicy: 'Local' } })).toContain(
      'service.externalTrafficPolicy: a Service of type ClusterIP takes no traffic from outside',
    );
  });

  it('refuses an unknown externalTrafficPolicy', async () => {
    expect(await refusal({ service: { type: 'NodePort', externalTrafficPolicy: 'local' } })).toContain(
      'externalTrafficPolicy',
    );
  });
});
