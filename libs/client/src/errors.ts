import type { ErrorData } from '@holdfast/protocol';

/**
 * An error of the client. `code` is a code of the protocol's catalogue, or one of these:
 *
 * - `timeout`: the gateway did not reply in time;
 * - `disconnected`: the connection ended before the reply;
 * - `closed`: the client, or the subscription, was closed;
 * - `queue_full`: too many publishes are waiting (`maxQueued`);
 * - `token_failed`: the token callback failed.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: string;
  /** Whether a retry may succeed. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options?: { retryable?: boolean; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}

/** Converts the data of an `error` frame. */
export function fromGateway({ code, message, retryable }: ErrorData): HoldfastError {
  return new HoldfastError(code, message, { retryable });
}
