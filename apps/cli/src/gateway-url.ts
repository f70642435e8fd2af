import { EXIT, Failure } from './failure.js';

/** Where a gateway that runs on this machine takes WebSockets. */
export const WEBSOCKET_URL = 'ws://localhost:8000/ws';

/** Where it takes requests of the HTTP API. */
export const API_URL = 'http://localhost:8000';

/**
 * The URL of a gateway.
 *
 * @throws Failure without the URL, whose query may hold a token.
 */
export function parseGatewayUrl(text: string, option = '--url'): URL {
  const url = URL.parse(text);
  if (url === null || !/^(?:ws|http)s?:$/.test(url.protocol)) {
    throw new Failure(EXIT.usage, `${option}: give a URL such as ${WEBSOCKET_URL}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Failure(
      EXIT.usage,
      `${option}: leave user and password out of it, a gateway takes a token or an API key`,
    );
  }
  return url;
}

export function isWebSocketUrl({ protocol }: URL): boolean {
  return protocol === 'ws:' || protocol === 'wss:';
}

/** The URL to show to people: without its query. */
export function displayUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
