import { AsyncLocalStorage } from 'node:async_hooks';
import { errorData, type ErrorCode, type ErrorData, type Json, type RequestFrame } from '@holdfast/protocol';

/** One request of one connection, from its frame to its answer. */
export class Request {
  /** Set if a handler failed: Nest's exception filters report to the client and not to the caller. */
  refusal: ErrorData | undefined;
  private followUp: (() => void) | undefined;

  constructor(
    readonly frame: RequestFrame,
    /** The approximate size of the frame. */
    readonly bytes = 0,
  ) {}

  /** Runs `followUp` after the answer was queued, so that what it sends follows the answer. */
  afterAnswer(followUp: () => void): void {
    this.followUp = followUp;
  }

  answered(): void {
    this.followUp?.();
  }

  /**
   * @param exception what one of Nest's exception filters reports.
   * @throws TypeError if JSON cannot represent its `data`.
   */
  refuse(exception: unknown): void {
    this.refusal = asErrorData(exception) ?? fromException(exception);
  }
}

/** Nest's message for everything other than a WsException. The actual error is in the log only. */
const UNKNOWN_EXCEPTION = 'Internal server error';

/** Nest's message if a guard rejected a request. */
const GUARD_REFUSED = 'Forbidden resource';

/** The request that the running code belongs to. Nest's handlers and filters have no argument that could carry it. */
export const currentRequest = new AsyncLocalStorage<Request>();

/** An error in the form of the catalogue, without additional members. */
function asErrorData(exception: unknown): ErrorData | undefined {
  const { code, message, retryable } = (exception ?? {}) as Partial<Record<string, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string' || typeof retryable !== 'boolean') return undefined;
  return { code: code as ErrorCode, message, retryable };
}

/** Any other exception, as Nest's default filter words it. Of an object in a WsException, `message` and `data` are for the client. */
function fromException(exception: unknown): ErrorData {
  const { message, data } = (exception ?? {}) as { message?: unknown; data?: unknown };
  if (message === UNKNOWN_EXCEPTION) return errorData('internal');
  if (message === GUARD_REFUSED) return errorData('forbidden');
  return errorData('refused', typeof message === 'string' ? message : undefined, { data: asJson(data) });
}

/** @throws TypeError if JSON cannot represent it. */
function asJson(data: unknown): Json | undefined {
  return data === undefined ? undefined : (JSON.parse(JSON.stringify(data)) as Json);
}
