import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { injectFault } from '../support/inject.js';
import type { Fault } from './fault.js';

const API_DOWN_SECONDS = 60;

export const ENVIRONMENT: readonly Fault[] = [
  {
    name: `the API server down for ${API_DOWN_SECONDS} s`,
    cost: 'nothing',
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
