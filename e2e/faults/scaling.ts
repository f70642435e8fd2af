import { expect } from 'vitest';
import type { PodWatch } from '../support/pod-watch.js';
import type { Values } from '../support/release.js';
import { TIMEOUTS } from '../support/scene.js';
import type { Fault } from './fault.js';

const MOST = 5;
/** The time until there are metrics of the pods, and the autoscaler has read them. */
export const SCALED_WITHIN = 120_000;

/** Scales down soon, by one pod in the time of a drain. */
export const BEHAVIOR = {
  scaleUp: { stabilizationWindowSeconds: 0 },
  scaleDown: {
    stabilizationWindowSeconds: 5,
    policies: [{ type: 'Pods', value: 1, periodSeconds: TIMEOUTS.drain }],
  },
};

/** A CPU request far below the load, but above an idle pod's usage. */
const VALUES: Values = {
  resources: { requests: { cpu: '40m' } },
  autoscaling: { enabled: true, minReplicas: 3, maxReplicas: MOST, behavior: BEHAVIOR },
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
      expectOneByOne(watch, MOST - 3);
    },
  },
];

/** Asserts that at least `count` pods stopped, one after the other. */
export function expectOneByOne(watch: PodWatch, count: number): void {
  const stopped = watch.stopped.map(({ stoppingAt = 0 }) => stoppingAt).toSorted((a, b) => a - b);
  expect(stopped.length).toBeGreaterThanOrEqual(count);
  for (const [index, at] of stopped.entries()) {
    const next = stopped[index + 1];
    if (next !== undefined) expect(next - at, 'ms between two pods that stop').toBeGreaterThan(TIMEOUTS.drain * 900);
  }
}
