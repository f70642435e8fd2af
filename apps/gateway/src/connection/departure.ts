import { CLOSE, retryAfterClose } from '@holdfast/protocol';
import type { Connection } from './connection.js';

/**
 * Calls `left` when the client of a closed connection is gone: at once if it will not come back, or else after a grace
 * time in ms, during which its session may come back on another connection.
 */
export function departed({ closeCode }: Pick<Connection, 'closeCode'>, grace: number, left: () => void): void {
  if (isForGood(closeCode)) left();
  else setTimeout(left, grace).unref();
}

/** Clients close with 1000. Browsers close with 1001 when the page is left. */
function isForGood(closeCode: number): boolean {
  const isLeft = closeCode === CLOSE.normal.code || closeCode === CLOSE.goingAway.code;
  return isLeft || retryAfterClose(closeCode) === 'never';
}
