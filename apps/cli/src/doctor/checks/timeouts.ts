import { nameOf } from '../gateway/labels.js';
import type { Check } from './check.js';
import { controllerOf } from './controllers.js';
import { ingressesOf } from './routes.js';

/** The gateway sends something every 20 s; a proxy needs a little more, in seconds. */
const PINGED_WITHIN = 25;

/** The default of ingress-nginx, in seconds. */
const WORKER_SHUTDOWN = 240;

const SECONDS = [
  'nginx.ingress.kubernetes.io/proxy-read-timeout',
  'nginx.ingress.kubernetes.io/proxy-send-timeout',
  'nginx.org/proxy-read-timeout',
  'nginx.org/proxy-send-timeout',
  'haproxy-ingress.github.io/timeout-tunnel',
  'haproxy.org/timeout-tunnel',
  'appgw.ingress.kubernetes.io/request-timeout',
];
const ALB = 'alb.ingress.kubernetes.io/load-balancer-attributes';

/** Timeouts of proxies that end WebSockets. */
export const checkTimeouts: Check = function* ({ snapshot, gateway }) {
  const ingresses = ingressesOf(snapshot, gateway);
  for (const ingress of ingresses) {
    const annotations = ingress.metadata?.annotations ?? {};
    const idle = /idle_timeout\.timeout_seconds=(\d+)/.exec(annotations[ALB] ?? '')?.[1];
    const found = [...SECONDS.map((name) => [name, annotations[name]] as const), [ALB, idle] as const];
    for (const [name, value] of found) {
      const seconds = secondsOf(value);
      if (seconds === undefined || seconds >= PINGED_WITHIN) continue;
      yield {
        id: 'HF117',
        object: `Ingress/${nameOf(ingress)}`,
        evidence: `${name} is ${value}, and the gateway sends something every 20 s`,
        mend:
          name === ALB
            ? `set idle_timeout.timeout_seconds=3600 in ${name}`
            : `kubectl annotate ingress ${nameOf(ingress)} --namespace ${snapshot.namespace} --overwrite ${name}=3600`,
      };
      break;
    }
  }
  if (!ingresses.some((ingress) => controllerOf(ingress, snapshot) === 'ingress-nginx')) return;
  for (const { metadata, data } of snapshot.controllerConfigMaps) {
    const value = data?.['worker-shutdown-timeout'];
    const seconds = secondsOf(value);
    if (seconds === undefined || seconds >= WORKER_SHUTDOWN) continue;
    yield {
      id: 'HF118',
      object: `ConfigMap/${metadata?.name} in namespace ${metadata?.namespace}`,
      evidence: `worker-shutdown-timeout is ${value}; the default is ${WORKER_SHUTDOWN}s`,
      mend: `kubectl patch configmap ${metadata?.name} --namespace ${metadata?.namespace} --type merge --patch '{"data":{"worker-shutdown-timeout":"90m"}}'`,
    };
  }
};

/** `60`, `60s`, `5m` or `1h`. */
function secondsOf(text: string | undefined): number | undefined {
  const [, amount, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(text?.trim() ?? '') ?? [];
  const factor = { ms: 0.001, s: 1, m: 60, h: 3_600 }[unit] ?? 1;
  return amount === undefined ? undefined : Number(amount) * factor;
}
