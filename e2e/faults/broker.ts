import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { nameOf } from '../support/cluster.js';
import { injectFault } from '../support/inject.js';
import type { Scene } from '../support/scene.js';
import type { Fault } from './fault.js';

const REDIS = 'app.kubernetes.io/instance=holdfast,app.kubernetes.io/component=redis';
const UNREACHABLE_SECONDS = 60;
/** How long one pod is without Redis while the others are not, before and after. */
const ALONE_SECONDS = 10;
const SILENT_SECONDS = UNREACHABLE_SECONDS - 2 * ALONE_SECONDS;
const RESTARTED_WITHIN = 60_000;
/** Within which a publish is refused while Redis is away, and what the way there and back may take beside it, in ms. */
const REFUSED_WITHIN = 2_000 + 500;

async function redisPod(scene: Scene): Promise<{ name: string; address: string; restarts: number; ready: boolean }> {
  const [pod] = await scene.cluster.pods(scene.release.namespace.name, REDIS);
  const address = pod?.status?.podIP;
  if (pod === undefined || address === undefined) throw new Error('there is no pod of Redis');
  const status = pod.status?.containerStatuses?.[0];
  return { name: nameOf(pod), address, restarts: status?.restartCount ?? 0, ready: status?.ready ?? false };
}

export const BROKER: readonly Fault[] = [
  {
    name: 'Redis killed and restarted without its data',
    cost: 'gap',
    async inject(scene) {
      const before = await redisPod(scene);
      await injectFault('kill', scene.release.namespace.name, before.name);
      const deadline = Date.now() + RESTARTED_WITHIN;
      for (let now = before; now.restarts === before.restarts || !now.ready; now = await redisPod(scene)) {
        expect(Date.now(), 'Redis was not restarted').toBeLessThan(deadline);
        await sleep(200);
      }
    },
  },
  {
    name: `Redis unreachable for ${UNREACHABLE_SECONDS} s from one pod, and for ${SILENT_SECONDS} s from all`,
    cost: 'pause',
    async inject(scene) {
      const namespace = scene.release.namespace.name;
      // Inside of a pod Redis is known by the address of its Service.
      const { spec } = await scene.cluster.core.readNamespacedService({ namespace, name: 'holdfast-redis' });
      const address = spec?.clusterIP ?? '';
      const [first = '', ...others] = (await scene.release.readyPods()).map((pod) => nameOf(pod));
      const alone = injectFault('drop', namespace, first, address, String(UNREACHABLE_SECONDS));
      // What the others take meanwhile the first has to catch up with.
      await sleep(ALONE_SECONDS * 1_000);
      await Promise.all(others.map((pod) => injectFault('drop', namespace, pod, address, String(SILENT_SECONDS))));
      await alone;
    },
    expect({ publishers, timeline }) {
      expect(publishers.answers, 'publishes were refused').toHaveProperty('503');
      expect(publishers.slowestAnswer, 'ms until a publish was refused').toBeLessThan(REFUSED_WITHIN);
      const silent = timeline.filter(({ delivered }) => delivered === 0);
      expect(silent.length, 'seconds without a delivery').toBeGreaterThan(SILENT_SECONDS * 0.9);
    },
  },
];
