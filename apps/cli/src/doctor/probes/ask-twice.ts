import { setTimeout as sleep } from 'node:timers/promises';

/** In ms: what a controller or a pod that has just been changed needs to take notice. */
const AGAIN_AFTER = 4_000;

/**
 * Asks once more after a while if the first answer is a bad one: a change may have been made a moment before, and not yet have
 * taken effect everywhere.
 *
 * @param waits is called before it waits.
 */
export async function askTwice<T>(
  ask: () => Promise<T>,
  isBad: (answer: T) => boolean,
  waits: () => void,
  after = AGAIN_AFTER,
): Promise<T> {
  const first = await ask();
  if (!isBad(first)) return first;
  waits();
  await sleep(after);
  return ask();
}
