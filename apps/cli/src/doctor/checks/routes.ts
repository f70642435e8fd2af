import type { V1Ingress } from '@kubernetes/client-node';
import type { Gateway } from '../gateway/gateway.js';
import { belongsTo, nameOf } from '../gateway/labels.js';
import type { HttpRoute, Snapshot } from '../snapshot/snapshot.js';

/** A backend of an Ingress or an HTTPRoute. */
export interface Backend {
  /** Such as `Ingress/holdfast`. */
  readonly object: string;
  readonly service: string;
  /** Of the Service, by its number or name. */
  readonly port: number | string | undefined;
  readonly path: string;
  readonly isExact: boolean;
}

/** What browsers connect to by default. */
export const WEBSOCKET_PATH = '/ws';

export function backendsOf({ ingresses = [], routes = [] }: Snapshot): Backend[] {
  return [...ingresses.flatMap(backendsOfIngress), ...routes.flatMap(backendsOfRoute)];
}

export function backendsOfIngress(ingress: V1Ingress): Backend[] {
  const object = `Ingress/${nameOf(ingress)}`;
  const fallback = ingress.spec?.defaultBackend?.service;
  const paths = (ingress.spec?.rules ?? []).flatMap(({ http }) => http?.paths ?? []);
  return [
    ...paths.flatMap(({ backend: { service }, path = '/', pathType }) =>
      service === undefined
        ? []
        : {
            object,
            service: service.name,
            port: service.port?.number ?? service.port?.name,
            path,
            isExact: pathType === 'Exact',
          },
    ),
    ...(fallback === undefined
      ? []
      : [
          {
            object,
            service: fallback.name,
            port: fallback.port?.number ?? fallback.port?.name,
            path: '/',
            isExact: false,
          },
        ]),
  ];
}

export function backendsOfRoute(route: HttpRoute): Backend[] {
  return (route.spec?.rules ?? []).flatMap(({ matches = [{}], backendRefs = [] }) =>
    matches.flatMap(({ path }) =>
      backendRefs
        .filter(({ kind = 'Service', namespace }) => kind === 'Service' && namespace === undefined)
        .map(({ name, port }) => ({
          object: `HTTPRoute/${nameOf(route)}`,
          service: name,
          port,
          path: path?.value ?? '/',
          isExact: path?.type === 'Exact',
        })),
    ),
  );
}

/** The Ingresses that lead to the gateway, or are meant to. */
export function ingressesOf({ ingresses = [] }: Snapshot, gateway: Gateway): V1Ingress[] {
  return ingresses.filter(
    (ingress) => leadsTo(backendsOfIngress(ingress), gateway) || belongsTo(ingress, gateway.deployment),
  );
}

/** The HTTPRoutes that lead to the gateway, or are meant to. Redirects have no backend. */
export function routesOf({ routes = [] }: Snapshot, gateway: Gateway): HttpRoute[] {
  return routes.filter((route) => leadsTo(backendsOfRoute(route), gateway) || belongsTo(route, gateway.deployment));
}

function leadsTo(backends: readonly Backend[], { services, strayServices }: Gateway): boolean {
  const names = new Set([...services, ...strayServices].map(nameOf));
  return backends.some(({ service }) => names.has(service));
}

/** Whether requests for a path reach the backend. */
export function covers({ path, isExact }: Backend, wanted: string): boolean {
  const prefix = path.replace(/\/?\*?$/, '');
  return isExact ? path === wanted : wanted === prefix || wanted.startsWith(`${prefix}/`);
}
