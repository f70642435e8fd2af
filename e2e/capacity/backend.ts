import { HttpPublisher } from '../../bench/load/http-publisher.js';
import { API_KEY, JWT_SECRET } from '../../bench/load/tokens.js';
import { holdfast } from '../../bench/servers/holdfast/server.js';
import type { Values } from '../support/release.js';
import { TIMEOUTS } from '../support/scene.js';
import type { MeasuredPod } from './pod.js';

/** The chart's pod and limits. Only the backend may publish more, because it acts for all backends; and Redis may store it. */
export const VALUES: Values = {
  replicaCount: 1,
  timeouts: TIMEOUTS,
  probes: { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } },
  auth: { jwtSecret: { value: JWT_SECRET }, apiKeys: { value: API_KEY } },
  config: { limits: { apiRequests: { burst: 1_000_000, perSecond: 1_000_000 } } },
  redis: { resources: { limits: { memory: '1Gi' } } },
};

/** A backend that publishes to a pod. @param connections that it keeps open. */
export function backendOf({ host, port }: MeasuredPod, connections: number): HttpPublisher {
  const { api } = holdfast;
  if (api === undefined) throw new Error('the benchmark does not know the HTTP API');
  return new HttpPublisher(port, api, connections, host);
}
