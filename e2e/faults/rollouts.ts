import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { nameOf } from '../support/cluster.js';
import type { PodWatch } from '../support/pod-watch.js';
import type { Scene } from '../support/scene.js';
import type { Fault } from './fault.js';

const MAX_AGE_SECONDS = 20;

/** Runs an action that replaces pods, waits until it is finished, and asserts that every previous pod is gone. */
async function replacingAll(scene: Scene, watch: PodWatch, replace: () => Promise<unknown>): Promise<void> {
  const before = new Set(watch.lives.keys());
  await replace();
  await scene.release.rolledOut();
  const left = (await scene.release.pods()).map(({ metadata }) => metadata?.uid ?? '').filter((uid) => before.has(uid));
  expect(left, 'pods that were not replaced').toEqual([]);
}

export const ROLLING_UPDATE: Fault = {
  name: 'a rolling update to another image tag',
  cost: 'nothing',
  async inject(scene, watch) {
    const tag = process.env['E2E_NEXT_IMAGE_TAG'];
    if (tag === undefined) throw new Error('E2E_NEXT_IMAGE_TAG must name the image to update to');
    await replacingAll(scene, watch, () => scene.upgrade({ image: { tag } }));
    const [pod] = await scene.release.pods();
    expect(pod?.spec?.containers[0]?.image).toContain(`:${tag}`);
  },
};

export const ROLLOUTS: readonly Fault[] = [
  {
    name: 'no fault at all',
    cost: 'nothing',
    async inject(_, watch) {
      expect(watch.stopped).toEqual([]);
    },
  },
  ROLLING_UPDATE,
  {
    name: 'a rolling restart, twice in a row',
    cost: 'nothing',
    async inject(scene, watch) {
      for (let time = 1; time <= 2; time += 1) await replacingAll(scene, watch, () => scene.release.restart());
    },
  },
  {
    name: 'helm upgrade with another configuration',
    cost: 'nothing',
    async inject(scene, watch) {
      const config = { log: { level: 'warn' } };
      await replacingAll(scene, watch, () => scene.upgrade({ config }));
    },
  },
  {
    name: 'a rollout to an image that never becomes ready',
    cost: 'nothing',
    values: { progressDeadlineSeconds: 30 },
    async inject(scene) {
      const before = (await scene.release.readyPods()).map(nameOf).toSorted();
      await expect(scene.upgrade({ progressDeadlineSeconds: 30, image: { tag: 'not-there' } })).rejects.toThrow(
        'holdfast',
      );
      const { status } = await scene.release.readDeployment();
      expect(status?.conditions?.find(({ type }) => type === 'Progressing')?.reason).toBe('ProgressDeadlineExceeded');
      expect((await scene.release.readyPods()).map(nameOf).toSorted()).toEqual(before);
      await scene.release.helm(['rollback', scene.release.name, '--wait', '--timeout=60s']);
      await scene.has(3);
    },
  },
  {
    name: 'new pods filled up by the maximum age of connections',
    cost: 'nothing',
    values: { config: { connection: { maxAge: MAX_AGE_SECONDS } } },
    movesClients: true,
    async inject(scene) {
      await scene.release.scale(6);
      await scene.has(6);
      await sleep(MAX_AGE_SECONDS * 1_000);
    },
    expect({ verdict }, watch) {
      const mean = verdict.clients / 6;
      expect(Object.keys(verdict.nodes).toSorted()).toEqual(
        [...watch.lives.values()].map(({ name }) => name).toSorted(),
      );
      for (const [node, clients] of Object.entries(verdict.nodes))
        expect(clients, `clients of ${node}`).toBeGreaterThanOrEqual(mean / 2);
    },
  },
  {
    name: 'scaling from 3 to 6 to 2 to 1, and back to 3',
    cost: 'nothing',
    async inject(scene, watch) {
      for (const count of [6, 2, 1, 3]) {
        await scene.release.scale(count);
        await scene.has(count);
      }
      expect(watch.stopped).toHaveLength(5);
    },
  },
];
