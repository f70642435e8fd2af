/** The values of `ingress.controller`. */
export const INGRESS_CONTROLLERS = [
  'nginx',
  'traefik',
  'haproxy',
  'haproxy-ingress',
  'gke',
  'alb',
  'azure',
  'f5',
] as const;

/** The values of `gateway.controller`. */
export const GATEWAY_CONTROLLERS = ['', 'gke', 'azure', 'envoy'] as const;

export const AFFINITY_MODES = ['none', 'clientIP', 'cookie'] as const;

export type IngressController = (typeof INGRESS_CONTROLLERS)[number];
export type GatewayController = (typeof GATEWAY_CONTROLLERS)[number];

/** Values for an Ingress of this controller. */
export function ingressOf(controller: IngressController, values: object = {}): object {
  return { enabled: true, controller, hosts: ['ws.example.com'], ...values };
}

/** Values for an HTTPRoute of this controller. */
export function gatewayOf(controller: GatewayController, values: object = {}): object {
  return {
    enabled: true,
    controller,
    hostnames: ['ws.example.com'],
    parentRefs: [{ name: 'public', namespace: 'gateways', sectionName: 'https' }],
    ...values,
  };
}
