import type { IncomingHttpHeaders } from 'node:http';
import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from '@holdfast/protocol';

/** The subprotocols that a client offers, in its order (RFC 6455, section 11.3.4). */
export function offeredSubprotocols(headers: IncomingHttpHeaders): readonly string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Whether a client speaks our protocol, and so can be told of a refusal by a close code. */
export function offersOurs(headers: IncomingHttpHeaders): boolean {
  return offeredSubprotocols(headers).includes(SUBPROTOCOL);
}

/** What the Authorization header holds under the scheme Bearer (RFC 6750, section 2.1). */
export function bearerOf({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}

/**
 * The token that an upgrade carries: in the Authorization header, the query, a subprotocol or
 * the cookie that the configuration names. The first that is there counts.
 */
export function tokenOf(headers: IncomingHttpHeaders, query: URLSearchParams, cookie?: string): string | undefined {
  const bearer = bearerOf(headers);
  if (bearer !== undefined) return bearer;
  const queried = query.get('access_token');
  if (queried) return queried;
  const offered = offeredSubprotocols(headers).find((name) => name.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  if (offered !== undefined) return offered.slice(BEARER_SUBPROTOCOL_PREFIX.length);
  return cookie === undefined ? undefined : cookieValue(headers.cookie ?? '', cookie);
}

function cookieValue(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim() || undefined;
  }
  return undefined;
}
