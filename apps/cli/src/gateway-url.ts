import { Option } from 'commander';
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

/** The variable with the URL of the gateway: of its WebSocket or its HTTP API. */
export const URL_VARIABLE = 'HOLDFAST_URL';

const urlOptions = new WeakSet<Option>();

/** `--url` of a command that uses a gateway. */
export function urlOption(fallback = WEBSOCKET_URL): Option {
  return gatewayOption('--url <url>', `the gateway, instead of ${URL_VARIABLE} (default: ${fallback})`);
}

/** An option with a URL that the context in use stands in for. */
export function gatewayOption(flags: string, description: string): Option {
  const option = new Option(flags, description);
  urlOptions.add(option);
  return option;
}

export function isUrlOption(option: Option): boolean {
  return urlOptions.has(option);
}

/**
 * The URL of the WebSocket: from `--url`, the environment or the context, or on this machine. A URL of the HTTP API stands for
 * the WebSocket of the same gateway.
 *
 * @throws Failure
 */
export function webSocketUrlOf(given: string | undefined, env: NodeJS.ProcessEnv): URL {
  const url = givenUrl(given, env) ?? new URL(WEBSOCKET_URL);
  if (isWebSocketUrl(url)) return url;
  const webSocket = new URL(url);
  webSocket.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  webSocket.pathname = `${url.pathname.replace(/\/+$/, '')}/ws`;
  return webSocket;
}

/**
 * The URL of the HTTP API, likewise.
 *
 * @throws Failure
 */
export function apiUrlOf(given: string | undefined, env: NodeJS.ProcessEnv): URL {
  const url = givenUrl(given, env);
  return url === undefined ? new URL(API_URL) : asApiUrl(url);
}

/** The HTTP API beside a WebSocket. */
export function asApiUrl(url: URL): URL {
  if (!isWebSocketUrl(url)) return url;
  const api = new URL(url);
  api.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
  api.pathname = url.pathname.replace(/\/ws\/?$/, '/');
  return api;
}

function givenUrl(given: string | undefined, env: NodeJS.ProcessEnv): URL | undefined {
  if (given !== undefined) return parseGatewayUrl(given);
  const text = env[URL_VARIABLE];
  return text ? parseGatewayUrl(text, URL_VARIABLE) : undefined;
}
