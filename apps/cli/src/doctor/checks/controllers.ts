import type { V1Ingress, V1Pod } from '@kubernetes/client-node';
import type { Snapshot } from '../snapshot/snapshot.js';

/** An ingress controller that checks know. */
export type ControllerName = 'ingress-nginx' | 'traefik' | 'haproxy' | 'f5';

/** By `spec.controller` of the IngressClass. */
const BY_CLASS: Readonly<Record<string, ControllerName>> = {
  'k8s.io/ingress-nginx': 'ingress-nginx',
  'traefik.io/ingress-controller': 'traefik',
  'haproxy.org/ingress-controller': 'haproxy',
  'haproxy-ingress.github.io/controller': 'haproxy',
  'nginx.org/ingress-controller': 'f5',
};

/** Labels of the pods that may serve the class: Traefik also serves that of ingress-nginx. */
const LABELS: Readonly<Record<ControllerName, readonly (readonly [string, string])[]>> = {
  'ingress-nginx': [
    ['app.kubernetes.io/name', 'ingress-nginx'],
    ['app.kubernetes.io/name', 'traefik'],
    ['app', 'traefik'],
  ],
  traefik: [
    ['app.kubernetes.io/name', 'traefik'],
    ['app', 'traefik'],
  ],
  haproxy: [
    ['app.kubernetes.io/name', 'kubernetes-ingress'],
    ['app.kubernetes.io/name', 'haproxy-ingress'],
  ],
  f5: [['app.kubernetes.io/name', 'nginx-ingress']],
};

/** The name of the class; undefined if the Ingress has none. */
export function classOf({ metadata, spec }: V1Ingress): string | undefined {
  return spec?.ingressClassName ?? metadata?.annotations?.['kubernetes.io/ingress.class'];
}

/** Whether GKE's own controller serves the class. It exists without an IngressClass. */
export function isGoogleClass(name: string | undefined): boolean {
  return name === 'gce' || name === 'gce-internal';
}

/** The controller of an Ingress; undefined if it is unknown. */
export function controllerOf(ingress: V1Ingress, { ingressClasses }: Snapshot): ControllerName | undefined {
  const name = classOf(ingress);
  if (ingressClasses === undefined) {
    // Without the right to read classes, the usual names are a good guess.
    return name === 'nginx' ? 'ingress-nginx' : name === 'traefik' || name === 'haproxy' ? name : undefined;
  }
  const found = ingressClasses.find(({ metadata }) =>
    name === undefined
      ? metadata?.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true'
      : metadata?.name === name,
  );
  return BY_CLASS[found?.spec?.controller ?? ''];
}

/** The running pods that may serve an Ingress; undefined if the controller is unknown, or the pods could not be read. */
export function controllerPods(controller: ControllerName | undefined, { allPods }: Snapshot): V1Pod[] | undefined {
  if (controller === undefined || allPods === undefined) return undefined;
  return allPods.filter(
    ({ metadata, status }) =>
      status?.phase === 'Running' && LABELS[controller].some(([label, value]) => metadata?.labels?.[label] === value),
  );
}
