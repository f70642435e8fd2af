import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.js';
import type { Deadline } from './deadline.js';

/** How long ingress controllers and kube-proxy take to apply a change on a busy cluster, in ms. */
const HEARD_WITHIN = 10_000;

const AGAIN_AFTER = 250;

/**
 * Repeats a failing check of proxies in front of the pods, because `helm test` may directly follow an upgrade.
 *
 * @throws Failure the last one.
 */
export async function untilHeard<T>(check: () => Promise<T>, deadline: Deadline): Promise<T> {
  // Stops early enough to report the failure of the check instead of a timeout.
  const end = performance.now() + Math.min(HEARD_WITHIN, deadline.left / 2);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof Failure) || performance.now() > end) throw error;
      await sleep(AGAIN_AFTER);
    }
  }
}
