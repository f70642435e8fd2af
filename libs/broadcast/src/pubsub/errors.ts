import { LogRefusedError, LogUnavailableError, LogUnknownError } from '../log/log-adapter.js';

/** https://grpc.io/docs/guides/status-codes/ */
export const Code = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The server has looked at the call, and has done nothing. */
const REFUSED: ReadonlySet<number | undefined> = new Set<number | undefined>([
  Code.invalidArgument,
  Code.notFound,
  Code.permissionDenied,
  Code.resourceExhausted,
  Code.failedPrecondition,
  Code.outOfRange,
  Code.unimplemented,
  Code.unauthenticated,
]);

/** The gRPC status of a failed call; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** Without the status, which gRPC puts before it. Names no secret: gRPC's messages contain no metadata. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error) || error.message === '') return 'the call failed';
  return error.message.replace(/^\d+ [A-Z_]+: /, '');
}

/** The error of the log's interface for a failed call that changes nothing, or that may be repeated. */
export function unavailable(error: unknown, right?: string): LogUnavailableError {
  if (error instanceof LogUnavailableError) return error;
  const message = messageOf(error);
  switch (codeOf(error)) {
    case Code.permissionDenied: {
      const advice = right === undefined ? 'grant the service account the missing right' : `grant it ${right}`;
      return new LogRefusedError(`Pub/Sub refuses the service account: ${advice} (${message})`, { cause: error });
    }
    case Code.unauthenticated:
      return new LogRefusedError(`Pub/Sub does not accept the credentials: check them (${message})`, { cause: error });
    case Code.resourceExhausted:
      return new LogUnavailableError(`a quota of Pub/Sub is exhausted: raise it (${message})`, { cause: error });
    default:
      // google-auth-library has no code for it.
      if (/default credentials/i.test(message)) {
        const advice = 'bind a workload identity to the pod, or name a key with keyFile';
        return new LogRefusedError(`there are no Google credentials: ${advice} (${message})`, { cause: error });
      }
      return new LogUnavailableError(message, { cause: error });
  }
}

/** The error of an append that failed. */
export function appendError(error: unknown): LogUnavailableError | LogUnknownError {
  if (error instanceof LogUnavailableError || error instanceof LogUnknownError) return error;
  if (REFUSED.has(codeOf(error))) return unavailable(error, 'pubsub.topics.publish');
  return new LogUnknownError(messageOf(error), { cause: error });
}
