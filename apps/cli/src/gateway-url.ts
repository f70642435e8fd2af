import { EXIT, Failure } from './failure.js';

/** The WebSocket URL of a gateway on this machine. */
export const WEBSOCKET_URL = 'ws://localhost:8000/ws';

/** The URL of its HTTP API. */
export const API_URL = 'http://localhost:8000';

/**
 * Parses the URL of a gateway.
 *
 * @throws Failure that does not contain the URL, because its query may contain a token.
 */
export function parseGatewayUrl(text: string, option = '--url'): URL {
  const url = URL.parse(text);
  if (url === null || !/^(?:ws|http)s?:$/.test(url.protocol)) {
    throw new Failure(EXIT.usage, `${option}: expected a URL such as ${WEBSOCKET_URL}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Failure(EXIT.usage, `${option}: remove user and password, a gateway uses a token or an API key`);
  }
  return url;
}

export function isWebSocketUrl({ protocol }: URL): boolean {
  return protocol === 'ws:' || protocol === 'wss:';
}

/** The URL for messages, without its query. */
export function displayUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
