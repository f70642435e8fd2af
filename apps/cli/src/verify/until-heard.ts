import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.js';
import type { Deadline } from './deadline.js';

/** Ingress controllers and kube-proxy hear of a change a moment after it was made: within so many ms, on a busy cluster. */
const HEARD_WITHIN = 10_000;

const AGAIN_AFTER = 250;

/**
 * Repeats a check of what stands before the pods while it fails: `helm test` may follow an upgrade at once.
 *
 * @throws Failure the last one.
 */
export async function untilHeard<T>(check: () => Promise<T>, deadline: Deadline): Promise<T> {
  // Whoever has little time is told what failed, and not that the time is over.
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
