import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { injectFault } from '../support/inject.js';
import { deleteAPod } from './crashes.js';
import type { Fault } from './fault.js';

const API_DOWN_SECONDS = 60;
const CLOCK_OFFSET_SECONDS = 60;

/** Stops a pod, so that clients with a wrong clock reconnect with new tokens. */
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
