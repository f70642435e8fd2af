import type { ErrorCode, ErrorData, Json, UnsubscribedCode } from '@holdfast/protocol';

/**
 * What the client itself reports:
 *
 * - `timeout`: the gateway did not reply in time;
 * - `disconnected`: the connection ended before the reply;
 * - `closed`: the client, or the subscription, was closed;
 * - `queue_full`: too many publishes are waiting (`maxQueued`);
 * - `token_failed`: the token callback failed, or returned something else than a token;
 * - `gap`: messages were lost, and the subscription has no `gap` handler.
 */
export type ClientErrorCode = 'timeout' | 'disconnected' | 'closed' | 'queue_full' | 'token_failed' | 'gap';

/** A code of the protocol's catalogue, why the gateway ended a subscription, or the client's own. */
export type HoldfastErrorCode = ErrorCode | UnsubscribedCode | ClientErrorCode;

export interface HoldfastErrorOptions {
  readonly retryable?: boolean;
  readonly cause?: unknown;
  readonly interval?: number | undefined;
  readonly data?: Json | undefined;
}

/** An error of the client. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: HoldfastErrorCode;
  /** Whether a retry may succeed. */
  readonly retryable: boolean;
  /** With `rate_limited`: the pace that the limit permits, in ms per request, if the gateway stated it. */
  readonly interval: number | undefined;
  /** With `refused`: what the handler of the call says about it. */
  readonly data: Json | undefined;

  constructor(code: HoldfastErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.interval = options.interval;
    this.data = options.data;
  }
}

/** Converts the data of an `error` frame. */
export function fromGateway(error: ErrorData): HoldfastError {
  return new HoldfastError(error.code, error.message, error);
}
