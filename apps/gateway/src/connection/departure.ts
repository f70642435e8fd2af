import { CLOSE, retryAfterClose } from '@holdfast/protocol';
import type { Connection } from './connection.js';

/**
 * Calls `left` when the client of a closed connection is gone: at once where it does not come back, and else after a grace
 * time in ms, in which its session may have come back on another connection.
 */
export function departed({ closeCode }: Pick<Connection, 'closeCode'>, grace: number, left: () => void): void {
  if (isForGood(closeCode)) left();
  else setTimeout(left, grace).unref();
}

/** A browser closes with 1001 when its page is gone. */
function isForGood(closeCode: number): boolean {
  return closeCode === CLOSE.goingAway.code || retryAfterClose(closeCode) === 'never';
}
