import type { IncomingHttpHeaders } from 'node:http';
import { matches } from './pattern.js';

/**
 * Whether a page of this origin may connect. A request without Origin does not come from a browser and is judged by its
 * token alone; a browser always sends one (RFC 6455, section 10.2).
 *
 * @param allowed origins besides the gateway's own, with `*` for any characters.
 */
export function mayConnectFrom(headers: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return true;
  return allowed.some((pattern) => matches(pattern, origin));
}
