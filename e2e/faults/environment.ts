import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { isReady } from '../support/cluster.js';
import { injectFault } from '../support/inject.js';
import { deleteAPod } from './crashes.js';
import type { Fault } from './fault.js';

const API_DOWN_SECONDS = 60;
const CLOCK_OFFSET_SECONDS = 60;
const CONTROLLER_WITHIN = 60_000;

/** A pod that stops has clients come back, with new tokens, whose clock is wrong. */
function wrongClock(name: string, clockOffset: number): Fault {
  return {
    name,
    cost: 'nothing',
    values: { config: { auth: { jwt: { clockTolerance: CLOCK_OFFSET_SECONDS + 10 } } } },
    load: { clockOffset },
    inject: (scene) => deleteAPod(scene),
  };
}

export const ENVIRONMENT: readonly Fault[] = [
  wrongClock('clocks of clients and tokens a minute ahead', CLOCK_OFFSET_SECONDS),
  wrongClock('clocks of clients and tokens a minute behind', -CLOCK_OFFSET_SECONDS),
  {
    name: 'the ingress controller restarted',
    cost: 'reconnect',
    async inject(scene) {
      const controller = await scene.cluster.ingressController();
      const { name = '', namespace = '', uid } = controller.metadata ?? {};
      await scene.cluster.core.deleteNamespacedPod({ name, namespace });
      const deadline = Date.now() + CONTROLLER_WITHIN;
      for (
        let now = controller;
        now.metadata?.uid === uid || !isReady(now);
        now = await scene.cluster.ingressController()
      ) {
        expect(Date.now(), 'there is no new ingress controller').toBeLessThan(deadline);
        await sleep(200);
      }
    },
    expect({ verdict }) {
      expect(verdict.moves.mean, 'clients behind the ingress have moved').toBeGreaterThan(0.1);
    },
  },
  {
    name: `the API server down for ${API_DOWN_SECONDS} s`,
    cost: 'nothing',
    blindsCluster: true,
    async inject(scene) {
      const down = injectFault('stop-api', String(API_DOWN_SECONDS));
      await sleep(2_000);
      const answer = await Promise.race([
        scene.release.pods().then(
          () => 'answered',
          () => 'refused',
        ),
        sleep(3_000).then(() => 'silent'),
      ]);
      expect(answer, 'the API server').not.toBe('answered');
      await down;
      await scene.has(3);
    },
  },
];
