import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '@holdfast/protocol';
import type { Config } from '../config/index.js';
import { refuseOnSocket } from './raw-refusal.js';
import { OneAtATime } from './one-at-a-time.js';

/** A request whose body arrives more slowly is cut off. */
const REQUEST_TIMEOUT_MS = 30_000;

/** How often Node looks for requests that have timed out; by default every 30 s. */
const TIMEOUT_CHECK_MS = 1_000;

/** How long an idle connection is kept: longer than proxies keep theirs, so that they are the ones to close it. */
const KEEP_ALIVE_MS = 72_000;

/** Node's error codes for requests that it could not read completely. Any other code means that it was not HTTP. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

const requests = new WeakMap<Server, OneAtATime>();

/** Creates one of our two servers. Both have the same defences against slow, large and many requests. */
export function createHttpServer(
  { limits }: Pick<Config, 'limits'>,
  listener: RequestListener,
  shouldUpgradeCallback: ServerOptions['shouldUpgradeCallback'] = () => false,
): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeader,
      headersTimeout: limits.upgradeTimeout,
      requestTimeout: Math.max(REQUEST_TIMEOUT_MS, limits.upgradeTimeout),
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      insecureHTTPParser: false,
      // Node would answer without a body. `smugglingRiskOf` checks it instead.
      requireHostHeader: false,
      shouldUpgradeCallback,
    },
    listener,
  ).on('clientError', refuseUnreadable);
  requests.set(server, new OneAtATime(server, limits.maxHeader));
  return server;
}

/** The requests of a server made by {@link createHttpServer}. */
export function requestsOf(server: Server): OneAtATime {
  const found = requests.get(server);
  if (found === undefined) throw new Error('expected a server made by createHttpServer');
  return found;
}

/**
 * A server's `clientError` handler: answers what could not be parsed. The parser is strict, so this is also the answer
 * to anything that two servers might parse as two different requests (RFC 9112, section 11.2).
 */
function refuseUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = CODES[error.code ?? ''];
  if (code === undefined) refuseOnSocket(socket, 'malformed', 'not HTTP/1.1');
  else refuseOnSocket(socket, code);
}
