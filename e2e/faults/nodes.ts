import { setTimeout as sleep } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions, type V1Pod } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { nameOf } from '../support/cluster.js';
import { injectFault } from '../support/inject.js';
import type { Scene } from '../support/scene.js';
import type { Fault } from './fault.js';

const EVICTED_WITHIN = 120_000;
const CUT_SECONDS = 30;
const PLACED_IN = 3;

/** A client that is cut off detects it within this time, in ms. It is shorter than the cut, so that the end of the cut cannot cause it. */
const NOTICED_WITHIN = 15_000;

/** A node that runs a pod of the gateway, but preferably neither add-ons of the cluster nor Redis. */
async function findNodeToSpare(scene: Scene): Promise<string | undefined> {
  const { items } = await scene.cluster.core.listPodForAllNamespaces();
  const isGateway = (pod: V1Pod): boolean =>
    pod.metadata?.namespace === scene.release.namespace.name &&
    pod.metadata.labels?.['app.kubernetes.io/component'] === 'gateway';
  const taken = new Set(items.filter((pod) => !isGateway(pod)).map(({ spec }) => spec?.nodeName));
  return items.find((pod) => isGateway(pod) && !taken.has(pod.spec?.nodeName))?.spec?.nodeName;
}

async function nodeToSpare(scene: Scene): Promise<string> {
  const node = await findNodeToSpare(scene);
  if (node === undefined) throw new Error('no node runs only pods of the gateway');
  return node;
}

/** Restarts the pods if an earlier drain left none on a node that can be drained. */
async function spread(scene: Scene): Promise<void> {
  for (let time = 1; time <= PLACED_IN && (await findNodeToSpare(scene)) === undefined; time += 1) {
    await scene.release.restart();
    await scene.release.rolledOut();
  }
}

async function cordon(scene: Scene, node: string, unschedulable: boolean): Promise<void> {
  await scene.cluster.core.patchNode(
    { name: node, body: { spec: { unschedulable } } },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  );
}

/** Does the same as `kubectl drain`: no new pods, and evictions that the PodDisruptionBudget may delay. */
async function drain(scene: Scene, node: string): Promise<void> {
  const namespace = scene.release.namespace.name;
  const here = async (): Promise<V1Pod[]> => (await scene.release.pods()).filter(({ spec }) => spec?.nodeName === node);
  const deadline = Date.now() + EVICTED_WITHIN;
  for (let pods = await here(); pods.length > 0; pods = await here()) {
    for (const pod of pods) {
      if (pod.metadata?.deletionTimestamp !== undefined) continue;
      await scene.cluster.core
        .createNamespacedPodEviction({
          namespace,
          name: nameOf(pod),
          body: { metadata: { name: nameOf(pod), namespace } },
        })
        .catch((error: { code?: number }) => {
          // 429: the budget does not allow it now. 404: already removed.
          if (error.code !== 429 && error.code !== 404) throw error;
        });
    }
    if (Date.now() > deadline) throw new Error(`${node} is not empty after ${EVICTED_WITHIN} ms`);
    await sleep(300);
  }
}

export const NODES: readonly Fault[] = [
  {
    name: 'kubectl drain of a node',
    cost: 'nothing',
    prepare: spread,
    async inject(scene) {
      const node = await nodeToSpare(scene);
      await cordon(scene, node, true);
      try {
        await drain(scene, node);
        await scene.has(3);
      } finally {
        await cordon(scene, node, false);
      }
    },
  },
  {
    name: `the network of a node cut for ${CUT_SECONDS} s`,
    cost: 'reconnect',
    prepare: spread,
    async inject(scene) {
      const node = await nodeToSpare(scene);
      const cut = injectFault('cut-node', /\d+$/.exec(node)?.[0] ?? '1', String(CUT_SECONDS));
      await notReady(scene, node);
      await cut;
      await scene.has(3);
    },
    expect({ verdict: { givenUp } }) {
      expect(givenUp.sockets, 'clients detect that they are cut off').toBeGreaterThan(0);
      expect(givenUp.longestSilence).toBeLessThanOrEqual(NOTICED_WITHIN);
    },
  },
];

/** Waits until the cluster has detected that a node is unreachable. */
async function notReady(scene: Scene, node: string): Promise<void> {
  const deadline = Date.now() + CUT_SECONDS * 1_000;
  for (;;) {
    const { status } = await scene.cluster.core.readNode({ name: node });
    if (status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') return;
    expect(Date.now(), `${node} stayed ready`).toBeLessThan(deadline);
    await sleep(500);
  }
}
