import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { nameOf } from '../support/cluster.js';
import { execute } from '../support/execute.js';
import { injectFault } from '../support/inject.js';
import type { Scene } from '../support/scene.js';
import type { Fault } from './fault.js';

const RESTARTED_WITHIN = 60_000;

/**
 * Allocates all memory of the container in many small processes, so that the gateway's process is the largest and is killed
 * first.
 */
const EXHAUST = `
  require('node:fs').writeFileSync('/proc/1/oom_score_adj', '1000');
  const { spawn } = require('node:child_process');
  const child = 'globalThis.taken = Buffer.alloc(8 << 20, 1); setInterval(() => {}, 1000)';
  setInterval(() => spawn(process.execPath, ['-e', child], { stdio: 'ignore' }), 100);
`;

/**
 * Sets the pod's memory limit above the container's, so that the container's limit is reached first: with cgroups v1 the
 * runtime reports no reason for a kill at the pod's limit.
 */
async function giveRoom(scene: Scene): Promise<void> {
  await scene.release.patch({ spec: { template: { spec: { resources: { limits: { memory: '512Mi' } } } } } });
  await scene.release.rolledOut();
}

async function anyPod(scene: Scene): Promise<V1Pod> {
  const [pod] = await scene.release.readyPods();
  if (pod === undefined) throw new Error('no pod is ready');
  return pod;
}

/** Deletes a pod, and waits until it has been replaced. */
export async function deleteAPod(scene: Scene, gracePeriodSeconds?: number): Promise<void> {
  const pod = await anyPod(scene);
  await scene.cluster.core.deleteNamespacedPod({
    namespace: scene.release.namespace.name,
    name: nameOf(pod),
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
  });
  const left = await scene.has(3);
  expect(left).not.toContain(nameOf(pod));
}

/** Waits until the gateway's container of a pod has been restarted. @returns the reason why its last run ended. */
export async function restarted(scene: Scene, name: string): Promise<string | undefined> {
  const deadline = Date.now() + RESTARTED_WITHIN;
  for (;;) {
    const pods = await scene.release.pods();
    const status = pods.find((pod) => nameOf(pod) === name)?.status?.containerStatuses?.[0];
    if ((status?.restartCount ?? 0) > 0 && status?.ready) return status.lastState?.terminated?.reason;
    if (Date.now() > deadline) throw new Error(`${name} was not restarted within ${RESTARTED_WITHIN} ms`);
    await sleep(200);
  }
}

export const KILL: Fault = {
  name: "kill −9 of a gateway's process",
  cost: 'reconnect',
  async inject(scene) {
    const name = nameOf(await anyPod(scene));
    await injectFault('kill', scene.release.namespace.name, name);
    expect(await restarted(scene, name)).toBe('Error');
    await scene.has(3);
  },
};

export const CRASHES: readonly Fault[] = [
  { name: 'kubectl delete pod', cost: 'nothing', inject: (scene) => deleteAPod(scene) },
  { name: 'kubectl delete pod --force', cost: 'reconnect', inject: (scene) => deleteAPod(scene, 0) },
  KILL,
  {
    name: 'an OOM kill',
    cost: 'reconnect',
    prepare: (scene) => giveRoom(scene),
    async inject(scene) {
      const name = nameOf(await anyPod(scene));
      await execute(scene.release.namespace, name, 'gateway', ['node', '-e', EXHAUST]).catch(() => undefined);
      expect(await restarted(scene, name)).toBe('OOMKilled');
      await scene.has(3);
    },
  },
];
