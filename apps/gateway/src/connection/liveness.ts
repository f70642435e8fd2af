import { TICK_MS } from '../limits/ticks.js';

/**
 * Clients ping after `connection.ping` of silence. The gateway waits a little longer, so that it pings only clients
 * that do not ping by themselves: at most this long, in ms, ...
 */
const PATIENCE_MS = 500;
/** ... and at most this share of the interval. */
const PATIENCE_SHARE = 1 / 16;

/** A peer that does not answer a ping within this time, or within `connection.ping` if that is less, is dead. In ms. */
const PONG_WITHIN_MS = 4_500;

/** When a silent peer is pinged, and when it counts as dead. In ticks. */
export interface Liveness {
  /** From the peer's last bytes to the ping. */
  readonly pingAfter: number;
  /** From the ping to the end of the connection. */
  readonly pongWithin: number;
}

/**
 * @param ping `connection.ping` in ms.
 * @returns undefined if it is 0: then the gateway sends no pings.
 */
export function livenessOf(ping: number): Liveness | undefined {
  if (ping === 0) return undefined;
  return {
    pingAfter: Math.ceil((ping + Math.min(PATIENCE_MS, ping * PATIENCE_SHARE)) / TICK_MS),
    pongWithin: Math.ceil(Math.min(PONG_WITHIN_MS, ping) / TICK_MS),
  };
}
