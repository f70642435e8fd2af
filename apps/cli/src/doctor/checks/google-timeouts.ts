import type { V1Service } from '@kubernetes/client-node';
import { nameOf } from '../gateway/labels.js';
import type { BackendConfig } from '../snapshot/snapshot.js';
import type { Check } from './check.js';
import { classOf, isGoogleClass } from './controllers.js';
import { backendsOfIngress, ingressesOf } from './routes.js';

const ANNOTATION = 'cloud.google.com/backend-config';

/** The age at which Google ends a WebSocket without a BackendConfig, in seconds. */
const DEFAULT_AGE = 30;

/** Each client connects again at this age, in seconds; below it, that is a load worth knowing about. */
const SHORT_AGE = 600;

/**
 * The age at which GKE's load balancer ends WebSockets.
 * https://cloud.google.com/load-balancing/docs/https#websocket_support
 */
export const checkGoogleTimeouts: Check = function* ({ snapshot, gateway }) {
  const ingresses = ingressesOf(snapshot, gateway).filter((ingress) => isGoogleClass(classOf(ingress)));
  const names = new Set(ingresses.flatMap((ingress) => backendsOfIngress(ingress)).map(({ service }) => service));
  for (const service of gateway.services.filter((one) => names.has(nameOf(one)))) {
    const name = backendConfigOf(service);
    const config = snapshot.backendConfigs?.find((one) => one.metadata?.name === name);
    // It names one that could not be read.
    if (name !== undefined && snapshot.backendConfigs === undefined) continue;
    const age = config?.spec?.timeoutSec;
    if ((age ?? DEFAULT_AGE) >= SHORT_AGE) continue;
    yield {
      id: 'HF125',
      object: `Service/${nameOf(service)}`,
      evidence: `${reasonOf(name, config)}: the load balancer ends each WebSocket after ${age ?? DEFAULT_AGE} s`,
      mend:
        config === undefined
          ? 'set ingress.controller=gke, or create a BackendConfig and name it in the annotation'
          : `kubectl patch backendconfig ${name} --namespace ${snapshot.namespace} --type merge --patch '{"spec":{"timeoutSec":3600}}'`,
    };
  }
};

function reasonOf(name: string | undefined, config: BackendConfig | undefined): string {
  if (name === undefined) return `the Service has no annotation ${ANNOTATION}`;
  if (config === undefined) return `there is no BackendConfig ${name}`;
  const age = config.spec?.timeoutSec;
  return age === undefined
    ? `BackendConfig ${name} has no timeoutSec`
    : `timeoutSec of BackendConfig ${name} is ${age}`;
}

/** The BackendConfig for all ports, or else for the first one that has one; undefined if there is none. */
function backendConfigOf({ metadata }: V1Service): string | undefined {
  try {
    const parsed = JSON.parse(metadata?.annotations?.[ANNOTATION] ?? '{}') as {
      default?: string;
      ports?: Readonly<Record<string, string>>;
    };
    return parsed.default ?? Object.values(parsed.ports ?? {})[0];
  } catch {
    // GKE ignores it as well.
    return undefined;
  }
}
