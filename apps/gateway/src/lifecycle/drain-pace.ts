/** The share of the drain window that is left to the client that is asked last. */
const LAST_SHARE = 1 / 6;

export const BATCH_EVERY_MS = 100;

/**
 * The invitations of a drain, spread evenly.
 *
 * @param left ms until the end of the window.
 * @returns how many clients must have been asked by now, and how many ms those that are asked now have.
 */
export function invitations(clients: number, window: number, left: number): { due: number; within: number } {
  const last = window * LAST_SHARE;
  const within = Math.max(left, last);
  const share = window === 0 ? 1 : (window - within) / (window - last);
  return { due: Math.min(clients, Math.ceil(clients * share)), within: Math.round(within) };
}
