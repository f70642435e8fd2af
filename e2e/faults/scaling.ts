import { expect } from 'vitest';
import type { Values } from '../support/release.js';
import { TIMEOUTS } from '../support/scene.js';
import type { Fault } from './fault.js';

const MOST = 5;
/** Until there are metrics of the pods, and the autoscaler has looked at them. */
const SCALED_WITHIN = 120_000;

/** So small a request that the load is far above it, and an idle pod below. */
const VALUES: Values = {
  resources: { requests: { cpu: '40m' } },
  autoscaling: {
    enabled: true,
    minReplicas: 3,
    maxReplicas: MOST,
    behavior: {
      scaleUp: { stabilizationWindowSeconds: 0 },
      scaleDown: {
        stabilizationWindowSeconds: 5,
        policies: [{ type: 'Pods', value: 1, periodSeconds: TIMEOUTS.drain }],
      },
    },
  },
};

export const SCALING: readonly Fault[] = [
  {
    name: 'the autoscaler adding pods by CPU load, and removing them one by one',
    cost: 'nothing',
    values: VALUES,
    async inject(scene, watch, load) {
      await scene.has(MOST, SCALED_WITHIN);
      await load.rest(true);
      await scene.has(3, SCALED_WITHIN);
      await load.rest(false);
      const stopped = watch.stopped.map(({ stoppingAt = 0 }) => stoppingAt).toSorted((a, b) => a - b);
      expect(stopped.length).toBeGreaterThanOrEqual(MOST - 3);
      for (const [index, at] of stopped.entries()) {
        const next = stopped[index + 1];
        if (next !== undefined)
          expect(next - at, 'ms between two pods that stop').toBeGreaterThan(TIMEOUTS.drain * 900);
      }
    },
  },
];
