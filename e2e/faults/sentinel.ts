import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { injectFault } from '../support/inject.js';
import type { SentinelSetUp } from '../support/sentinel.js';
import type { Fault } from './fault.js';

/** Long enough for the sentinels to elect another primary. */
const PAUSED_SECONDS = 15;

/** The primary hangs, the sentinels elect another one, and the old one is demoted when it resumes. */
export function failover(sentinels: SentinelSetUp, wait: number): Fault {
  return {
    name: `a failover by Sentinel, with wait=${wait}`,
    cost: 'gap',
    values: { broker: { url: sentinels.url(wait) } },
    async inject(scene) {
      const before = await sentinels.primary();
      const paused = injectFault('pause', scene.release.namespace.name, before, String(PAUSED_SECONDS));
      const deadline = Date.now() + PAUSED_SECONDS * 1_000;
      let now = before;
      while (now === before) {
        expect(Date.now(), `${before} is still the primary`).toBeLessThan(deadline);
        await sleep(200);
        now = await sentinels.primary();
      }
      await paused;
    },
  };
}
