import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { helm, render, CHART } from './support/helm.ts';
import { gatewayOf, INGRESS_CONTROLLERS, ingressOf, type GatewayController } from './support/traffic.ts';

interface Limits {
  readonly trustedHops?: number;
  readonly privateAddresses?: boolean;
}

async function limitsOf(values: object): Promise<Limits | undefined> {
  const text = (await render(values)).config;
  return (parse(text) as { limits?: Limits }).limits;
}

function notes(values: object): Promise<string> {
  return helm(['install', 'test', CHART, '--dry-run=client', '--values', '-'], JSON.stringify(values));
}

const PUBLIC_BEHIND = (trustedHops: number): Limits => ({ trustedHops, privateAddresses: false });

describe('limits per client address', () => {
  it.each(INGRESS_CONTROLLERS)('are enabled behind %s, which adds the address that it sees', async (controller) => {
    expect(await limitsOf({ ingress: ingressOf(controller) })).toEqual(PUBLIC_BEHIND(controller === 'gke' ? 2 : 1));
  });

  it.each<[GatewayController, Limits | undefined]>([
    ['envoy', PUBLIC_BEHIND(1)],
    ['gke', PUBLIC_BEHIND(2)],
    // It is unknown what it adds.
    ['', undefined],
  ])('behind a Gateway of %j are %j', async (controller, expected) => {
    expect(await limitsOf({ gateway: gatewayOf(controller) })).toEqual(expected);
  });

  it.each<[string, object, Limits | undefined]>([
    ['that is only reachable in the cluster', {}, undefined],
    ['that hides the addresses of clients', { service: { type: 'LoadBalancer' } }, undefined],
    ['of node ports that hide them', { service: { type: 'NodePort', externalTrafficPolicy: 'Cluster' } }, undefined],
    ['that preserves them', { service: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } }, PUBLIC_BEHIND(0)],
    [
      'of node ports that preserve them',
      { service: { type: 'NodePort', externalTrafficPolicy: 'Local' } },
      PUBLIC_BEHIND(0),
    ],
  ])('of a Service %s follow from it', async (_what, values, expected) => {
    expect(await limitsOf(values)).toEqual(expected);
  });

  it('are disabled if clients take different paths', async () => {
    expect(await limitsOf({ ingress: ingressOf('nginx'), gateway: gatewayOf('gke') })).toBeUndefined();
    expect(await limitsOf({ ingress: ingressOf('nginx'), gateway: gatewayOf('') })).toBeUndefined();
    // Clients could bypass the controller, and send any header.
    expect(await limitsOf({ ingress: ingressOf('nginx'), service: { type: 'LoadBalancer' } })).toBeUndefined();
    expect(await limitsOf({ ingress: ingressOf('nginx'), gateway: gatewayOf('envoy') })).toEqual(PUBLIC_BEHIND(1));
  });

  it('can be overridden by the configuration', async () => {
    const ingress = ingressOf('nginx');
    expect(await limitsOf({ ingress, config: { limits: { trustedHops: 2 } } })).toEqual({ trustedHops: 2 });
    expect(await limitsOf({ ingress, config: { limits: { privateAddresses: true } } })).toEqual({
      trustedHops: 1,
      privateAddresses: true,
    });
    expect(await limitsOf({ ingress, extraEnv: [{ name: 'HOLDFAST_TRUSTED_HOPS', value: '2' }] })).toBeUndefined();
    expect(await limitsOf({ ingress, clientAddresses: { derive: false } })).toBeUndefined();
    expect(await limitsOf({ ingress, config: { limits: { pending: 100 } } })).toEqual({
      ...PUBLIC_BEHIND(1),
      pending: 100,
    });
  });

  it('are mentioned in the notes, with advice for CDNs', async () => {
    expect(await notes({ ingress: ingressOf('nginx') })).toContain('clientAddresses.derive=false');
    expect(await notes({})).not.toContain('clientAddresses');
  });
});
