import type { V1Ingress, V1Service } from '@kubernetes/client-node';
import { nameOf } from '../gateway/labels.js';
import type { Check } from './check.js';
import { controllerOf } from './controllers.js';
import { backendsOfIngress, ingressesOf } from './routes.js';

const NGINX = 'nginx.ingress.kubernetes.io';
const TRAEFIK_STICKY = 'traefik.ingress.kubernetes.io/service.sticky.cookie';

/** Affinity that is configured, and does not happen. */
export const checkAffinity: Check = function* ({ snapshot, gateway }) {
  const ingresses = ingressesOf(snapshot, gateway);
  for (const ingress of ingresses) {
    const controller = controllerOf(ingress, snapshot);
    const object = `Ingress/${nameOf(ingress)}`;
    const services = servicesOf(ingress, gateway.services);
    const wantsNginx = ingress.metadata?.annotations?.[`${NGINX}/affinity`] === 'cookie';
    const sticky = services.find(({ metadata }) => metadata?.annotations?.[TRAEFIK_STICKY] === 'true');
    if (controller === 'traefik' && wantsNginx && sticky === undefined) {
      yield {
        id: 'HF115',
        object,
        evidence: `it has ${NGINX}/affinity, and its class is served by Traefik, which reads ${TRAEFIK_STICKY} of the Service`,
        mend: `kubectl annotate service ${services.map(nameOf).join(' ')} --namespace ${snapshot.namespace} ${TRAEFIK_STICKY}=true`,
      };
    }
    // The Service may have the annotation for another Ingress, which Traefik serves.
    const others = ingresses.filter((other) => other !== ingress).map((other) => controllerOf(other, snapshot));
    if (controller === 'ingress-nginx' && sticky !== undefined && !wantsNginx && !others.includes('traefik')) {
      yield {
        id: 'HF115',
        object,
        evidence: `Service ${nameOf(sticky)} has ${TRAEFIK_STICKY}, and the class of the Ingress is served by ingress-nginx`,
        mend: `kubectl annotate ingress ${nameOf(ingress)} --namespace ${snapshot.namespace} ${NGINX}/affinity=cookie ${NGINX}/affinity-mode=persistent`,
      };
    }
    const byAddress = services.find(({ spec }) => spec?.sessionAffinity === 'ClientIP');
    const hasOwn = wantsNginx || sticky !== undefined || hashes(ingress);
    if (byAddress !== undefined && !hasOwn && dialsPods(controller, ingress, byAddress)) {
      yield {
        id: 'HF116',
        object: `Service/${nameOf(byAddress)}`,
        evidence: `sessionAffinity is ClientIP, and ${object} connects to the pods directly`,
        mend: 'set sessionAffinity.mode to cookie, or to none',
      };
    }
  }
};

function servicesOf(ingress: V1Ingress, services: readonly V1Service[]): V1Service[] {
  const names = new Set(backendsOfIngress(ingress).map(({ service }) => service));
  return services.filter((service) => names.has(nameOf(service)));
}

function hashes({ metadata }: V1Ingress): boolean {
  return metadata?.annotations?.[`${NGINX}/upstream-hash-by`] !== undefined;
}

/** Whether a controller connects to pods rather than to their Service. */
function dialsPods(controller: ReturnType<typeof controllerOf>, ingress: V1Ingress, service: V1Service): boolean {
  switch (controller) {
    case 'ingress-nginx':
      return ingress.metadata?.annotations?.[`${NGINX}/service-upstream`] !== 'true';
    case 'traefik':
      return service.metadata?.annotations?.['traefik.ingress.kubernetes.io/service.nativelb'] !== 'true';
    case 'haproxy':
      return true;
    default:
      return false;
  }
}
