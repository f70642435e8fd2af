/** ms between two attempts. */
const RETRY_MS = 1_000;

/**
 * Asks the broker for something, again after each failure, for as long as it is wanted.
 *
 * @returns undefined if it is no longer wanted.
 */
export async function retryWhile<T>(isWanted: () => boolean, ask: () => Promise<T>): Promise<T | undefined> {
  while (isWanted()) {
    try {
      return await ask();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
  }
  return undefined;
}
