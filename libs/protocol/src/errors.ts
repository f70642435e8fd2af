import type { Json } from './events.js';

interface ErrorEntry {
  /** What was wrong and what to do, for a developer. */
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status (RFC 9110, section 15) of the same error at an upgrade or in the API. */
  readonly status: number;
}

/** Every error code of the protocol and the HTTP API. Codes are stable; messages may change. */
export const ERRORS = {
  malformed: { message: 'expected a JSON object', retryable: false, status: 400 },
  binary_unsupported: {
    message: 'binary frames are not part of holdfast.v1.json: send text',
    retryable: false,
    status: 400,
  },
  unknown_event: { message: 'unknown event', retryable: false, status: 404 },
  id_required: { message: 'this event requires an "id"', retryable: false, status: 400 },
  id_reused: { message: 'another request with this id has not been answered yet', retryable: false, status: 409 },
  invalid: { message: 'the data of this request is invalid', retryable: false, status: 400 },
  invalid_channel: {
    message: 'a channel name is 1-255 characters of A-Z a-z 0-9 _ - . : / % #, or @USER',
    retryable: false,
    status: 400,
  },
  too_large: { message: 'larger than the gateway accepts', retryable: false, status: 413 },
  not_connected: { message: 'send "connect" with a token first', retryable: false, status: 401 },
  already_connected: {
    message: 'this connection is already authenticated: use "refresh"',
    retryable: false,
    status: 409,
  },
  unauthorized: { message: 'the token or API key is missing, invalid or expired', retryable: false, status: 401 },
  forbidden: { message: 'not permitted', retryable: false, status: 403 },
  origin_forbidden: { message: 'this origin is not allowed to connect', retryable: false, status: 403 },
  already_subscribed: {
    message: 'this connection is already subscribed to the channel',
    retryable: false,
    status: 409,
  },
  not_subscribed: { message: 'this connection is not subscribed to the channel', retryable: false, status: 409 },
  presence_disabled: { message: 'presence is disabled in this namespace', retryable: false, status: 409 },
  history_disabled: { message: 'history is disabled in this namespace', retryable: false, status: 409 },
  key_conflict: { message: 'this key was used before with other data', retryable: false, status: 409 },
  not_found: { message: 'no such resource', retryable: false, status: 404 },
  method_not_allowed: { message: 'this resource does not support this method', retryable: false, status: 405 },
  unsupported_media_type: { message: 'send application/json', retryable: false, status: 415 },
  upgrade_required: { message: 'open a WebSocket here (version 13)', retryable: false, status: 426 },
  refused: { message: 'the handler of this event refused the request', retryable: false, status: 422 },
  headers_too_large: { message: 'the head of the request is too large', retryable: false, status: 431 },
  request_timeout: { message: 'the request was not complete in time', retryable: true, status: 408 },
  too_many_connections: {
    message: 'too many connections of this user or address: close some, or try again later',
    retryable: true,
    status: 429,
  },
  too_many_subscriptions: {
    message: 'too many subscriptions on this connection: unsubscribe from some',
    retryable: false,
    status: 429,
  },
  out_of_order: {
    message: 'the publish named by "after" was not stored on this connection, and neither was this one',
    retryable: true,
    status: 409,
  },
  rate_limited: { message: 'too many requests, slow down', retryable: true, status: 429 },
  draining: { message: 'this gateway is shutting down, connect to another', retryable: true, status: 503 },
  overloaded: { message: 'this gateway is overloaded, try again later', retryable: true, status: 503 },
  authorization_unavailable: {
    message: 'authorization is unavailable, try again later',
    retryable: true,
    status: 503,
  },
  unavailable: {
    message: 'the broker or your backend is unavailable, nothing was done: try again',
    retryable: true,
    status: 503,
  },
  unknown: {
    message:
      'no response in time, it may have been done: retry a publish with its key, and a call only if it may happen twice',
    retryable: true,
    status: 504,
  },
  internal: { message: 'internal error of the gateway, see its log', retryable: true, status: 500 },
} as const satisfies Record<string, ErrorEntry>;

/** The `Retry-After` of 429 and 503, in seconds (RFC 9110, section 10.2.3). */
export const RETRY_AFTER_S = 2;

export type ErrorCode = keyof typeof ERRORS;

/** The data of an `error` frame, and the body of a refused HTTP request. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  /** With `rate_limited` for frames and publishes: the pace that the limit permits, in ms per request. */
  readonly interval?: number;
  /** With `refused`: what the handler says about it, in its own form. */
  readonly data?: Json;
}

/** What only some errors have. */
export interface ErrorDetails {
  readonly interval?: number | undefined;
  readonly data?: Json | undefined;
}

/** The error data for `code`, as sent to clients. `detail` says what exactly was wrong, and never contains the value. */
export function errorData(code: ErrorCode, detail?: string, { interval, data }: ErrorDetails = {}): ErrorData {
  const { message, retryable } = ERRORS[code];
  return {
    code,
    message: detail === undefined ? message : `${message}: ${detail}`,
    retryable,
    ...(interval === undefined ? {} : { interval }),
    ...(data === undefined ? {} : { data }),
  };
}
