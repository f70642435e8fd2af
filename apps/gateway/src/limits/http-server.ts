import type { ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '@holdfast/protocol';
import type { Config } from '../config/index.js';
import { refuseOnSocket } from '../gateway/raw-refusal.js';

/** A request whose body comes more slowly is cut off. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** How often Node looks for requests whose time is up; by default each 30 s. */
const TIMEOUT_CHECK_MS = 1_000;

/** What Node says of requests that it could not read to their end; every other one is no HTTP. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** How both of our servers defend themselves against slow and against large requests. */
export function httpServerOptions({ limits }: Pick<Config, 'limits'>): ServerOptions {
  return {
    maxHeaderSize: limits.maxHeader,
    headersTimeout: limits.upgradeTimeout,
    requestTimeout: Math.max(REQUEST_TIMEOUT_MS, limits.upgradeTimeout),
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    insecureHTTPParser: false,
  };
}

/**
 * A server's `clientError`: answers what could not be read, in the catalogue's words. Its parser is strict, so that this
 * is also the answer to whatever two servers might read as two different requests (RFC 9112, section 11.2).
 */
export function refuseUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = CODES[error.code ?? ''];
  if (code === undefined) refuseOnSocket(socket, 'malformed', 'not HTTP/1.1');
  else refuseOnSocket(socket, code);
}
