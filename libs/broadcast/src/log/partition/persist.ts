import { setTimeout as sleep } from 'node:timers/promises';

/** ms before a failed step is repeated; doubles up to the longest. */
export const SHORTEST_PAUSE = 50;
export const LONGEST_PAUSE = 1_000;

/** Repeats a step until it succeeds, or something else has begun. */
export async function persist(work: () => Promise<void>, isCurrent: () => boolean): Promise<void> {
  for (let pause = SHORTEST_PAUSE; isCurrent(); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      await work();
      return;
    } catch {
      await sleep(pause, undefined, { ref: false });
    }
  }
}
