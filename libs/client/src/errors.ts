import type { ErrorData } from '@holdfast/protocol';

/**
 * Why something was not done. `code` is a code of the protocol's catalogue, or one of the client's own:
 *
 * - `timeout`: the gateway did not answer in time;
 * - `disconnected`: the connection ended before the answer;
 * - `closed`: the client, or the subscription, was closed;
 * - `queue_full`: too many publishes wait already (`maxQueued`);
 * - `token_failed`: the token callback failed.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: string;
  /** Whether the same may succeed later. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options?: { retryable?: boolean; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}

/** The error that the gateway answered with. */
export function fromGateway({ code, message, retryable }: ErrorData): HoldfastError {
  return new HoldfastError(code, message, { retryable });
}
