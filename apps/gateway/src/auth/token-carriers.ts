import type { IncomingHttpHeaders } from 'node:http';
import {
  BEARER_SUBPROTOCOL_PREFIX,
  CONNECT_SUBPROTOCOL,
  SESSION_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
} from '@holdfast/protocol';

/** The subprotocols that a client offers, in its order (RFC 6455, section 11.3.4). */
export function offeredSubprotocols(headers: IncomingHttpHeaders): readonly string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Whether a client speaks our protocol, so that it can be refused by a close code. */
export function offersOurs(headers: IncomingHttpHeaders): boolean {
  return offeredSubprotocols(headers).includes(SUBPROTOCOL);
}

/** Whether the client's token follows in `connect`, whatever else the upgrade carries. */
export function sendsTokenLater(headers: IncomingHttpHeaders): boolean {
  return offeredSubprotocols(headers).includes(CONNECT_SUBPROTOCOL);
}

/** The Bearer token of the Authorization header (RFC 6750, section 2.1). */
export function bearerOf({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}

/**
 * The token of an upgrade: from the Authorization header, the query, a subprotocol or the configured cookie, in this
 * order.
 */
export function tokenOf(headers: IncomingHttpHeaders, query: URLSearchParams, cookie?: string): string | undefined {
  const bearer = bearerOf(headers);
  if (bearer !== undefined) return bearer;
  const queried = query.get('access_token');
  if (queried) return queried;
  const offered = carriedBySubprotocol(headers, BEARER_SUBPROTOCOL_PREFIX);
  if (offered !== undefined) return offered;
  return cookie === undefined ? undefined : cookieValue(headers.cookie ?? '', cookie);
}

/**
 * The session that an upgrade presents, in a subprotocol or in the query. The query is for older clients, and will be
 * dropped in a later version: URLs end up in the logs of proxies.
 */
export function sessionSecretOf(headers: IncomingHttpHeaders, query: URLSearchParams): string | undefined {
  return carriedBySubprotocol(headers, SESSION_SUBPROTOCOL_PREFIX) ?? query.get('session') ?? undefined;
}

/** What follows the prefix in the first subprotocol that has it. */
function carriedBySubprotocol(headers: IncomingHttpHeaders, prefix: string): string | undefined {
  if (!headers['sec-websocket-protocol']?.includes(prefix)) return undefined;
  return offeredSubprotocols(headers)
    .find((name) => name.startsWith(prefix))
    ?.slice(prefix.length);
}

function cookieValue(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim() || undefined;
  }
  return undefined;
}
