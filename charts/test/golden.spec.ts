import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Manifests, render } from './support/helm.ts';
import {
  AFFINITY_MODES,
  GATEWAY_CONTROLLERS,
  gatewayOf,
  INGRESS_CONTROLLERS,
  ingressOf,
  type IngressController,
} from './support/traffic.ts';

/**
 * Snapshots of everything that a controller reads, for each controller and affinity mode. `npx vitest run charts/test/golden.spec.ts -u`
 * updates them: compare the differences with the controller's documentation.
 */
describe('golden renders', () => {
  describe.each(INGRESS_CONTROLLERS)('of the Ingress for %s', (controller) => {
    it.each(AFFINITY_MODES)('with sessionAffinity.mode=%s', async (mode) => {
      const manifests = await render({
        ingress: ingressOf(controller),
        tls: tlsOf(controller),
        sessionAffinity: { mode },
      });
      await expect(described(manifests)).toMatchFileSnapshot(`golden/ingress-${controller}-${mode}.yaml`);
    });
  });

  describe.each(GATEWAY_CONTROLLERS)('of the HTTPRoute for %j', (controller) => {
    it.each(AFFINITY_MODES.filter((mode) => controller !== '' || mode !== 'cookie'))(
      'with sessionAffinity.mode=%s',
      async (mode) => {
        const manifests = await render({
          gateway: gatewayOf(controller, {
            redirectParentRefs: [{ name: 'public', namespace: 'gateways', sectionName: 'http' }],
          }),
          tls: { enabled: true },
          sessionAffinity: { mode },
        });
        const file = `golden/gateway-${controller === '' ? 'any' : controller}-${mode}.yaml`;
        await expect(described(manifests)).toMatchFileSnapshot(file);
      },
    );
  });
});

/** An ALB takes its certificates from ACM. */
function tlsOf(controller: IngressController): object {
  return controller === 'alb' ? { enabled: true } : { enabled: true, certManager: { clusterIssuer: 'letsencrypt' } };
}

/** The objects that a controller reads, without what is the same in every object of the chart. */
function described({ all }: Manifests): string {
  const kinds = new Set([
    'Service',
    'Ingress',
    'HTTPRoute',
    'Middleware',
    'BackendConfig',
    'FrontendConfig',
    'GCPBackendPolicy',
    'HealthCheckPolicy',
    'RoutePolicy',
    'BackendTrafficPolicy',
  ]);
  return all
    .filter(({ kind, metadata }) => kinds.has(kind) && /^test-holdfast(-redirect)?$/.test(metadata.name))
    .map(({ apiVersion, kind, metadata: { name, annotations }, spec }) =>
      stringify({ apiVersion, kind, metadata: { name, annotations }, spec }, { lineWidth: 0 }),
    )
    .join('---\n');
}
