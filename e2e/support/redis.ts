import { isReady } from './cluster.js';
import { eventually } from './eventually.js';
import { REDIS_TAG } from './images.js';
import type { Namespace } from './namespace.js';

/** A Redis that is not the chart's. */
export const REDIS_IMAGE = `docker.io/library/redis:${REDIS_TAG ?? '8.8.3-alpine'}`;

const NAME = 'redis';
const LABELS = { app: NAME };

/** Starts a Redis that belongs to no release, at redis://redis:6379. */
export async function redis(namespace: Namespace): Promise<void> {
  const { core, apps } = namespace.cluster;
  const container = {
    name: NAME,
    image: REDIS_IMAGE,
    command: ['redis-server', '--save', '', '--protected-mode', 'no'],
    readinessProbe: { tcpSocket: { port: 6379 }, periodSeconds: 1 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  await core.createNamespacedService({
    namespace: namespace.name,
    body: { metadata: { name: NAME }, spec: { selector: LABELS, ports: [{ port: 6379 }] } },
  });
  await apps.createNamespacedDeployment({
    namespace: namespace.name,
    body: {
      metadata: { name: NAME },
      spec: {
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: {
            securityContext: { runAsNonRoot: true, runAsUser: 999, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [container],
          },
        },
      },
    },
  });
  await eventually(async () => {
    const pods = await namespace.cluster.pods(namespace.name, `app=${NAME}`);
    if (!pods.some((pod) => isReady(pod))) throw new Error('Redis is not ready');
  });
}
