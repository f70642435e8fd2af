import { AsyncLocalStorage } from 'node:async_hooks';
import { errorData, type ErrorCode, type ErrorData, type RequestFrame } from '@holdfast/protocol';

/** One request of one connection, from its frame to its answer. */
export class Request {
  /** Set when a handler failed: Nest's exception filters report to the client and not to the caller. */
  refusal: ErrorData | undefined;
  private followUp: (() => void) | undefined;

  constructor(
    readonly frame: RequestFrame,
    /** About how large the frame was. */
    readonly bytes = 0,
  ) {}

  /** Runs `followUp` after this request's answer was queued, so that what it sends comes after the answer. */
  afterAnswer(followUp: () => void): void {
    this.followUp = followUp;
  }

  answered(): void {
    this.followUp?.();
  }

  /** @param exception what one of Nest's exception filters reports. */
  refuse(exception: unknown): void {
    this.refusal = asErrorData(exception) ?? fromException(exception);
  }
}

/** What Nest says of everything that is not a WsException; what really happened is in the log and stays there. */
const UNKNOWN_EXCEPTION = 'Internal server error';

/** What Nest says where a guard did not let a request through. */
const GUARD_REFUSED = 'Forbidden resource';

/** Which request the running code belongs to: handlers and filters of Nest have no argument that could tell. */
export const currentRequest = new AsyncLocalStorage<Request>();

/** What is of the catalogue's form, without anything that does not belong there. */
function asErrorData(exception: unknown): ErrorData | undefined {
  const { code, message, retryable } = (exception ?? {}) as Partial<Record<string, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string' || typeof retryable !== 'boolean') return undefined;
  return { code: code as ErrorCode, message, retryable };
}

/** An exception that is not of the catalogue, in the words of Nest's default filter. */
function fromException(exception: unknown): ErrorData {
  const message =
    typeof exception === 'object' && exception !== null && 'message' in exception ? exception.message : undefined;
  if (message === UNKNOWN_EXCEPTION) return errorData('internal');
  if (message === GUARD_REFUSED) return errorData('forbidden');
  return errorData('refused', typeof message === 'string' ? message : undefined);
}
