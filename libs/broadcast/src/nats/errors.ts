import type { JetStreamApiError } from '@nats-io/jetstream';
import type { PermissionViolationError } from '@nats-io/transport-node';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';

/** Codes of JetStream's errors: https://github.com/nats-io/nats-server/blob/main/server/errors.json */
export const ApiCode = {
  notEnabledForAccount: 10_039,
  streamNotFound: 10_059,
  streamExists: 10_058,
  /** The message was refused by the store, on a cluster perhaps by only one of the copies. */
  storeFailed: 10_077,
  noSuitablePeers: 10_005,
  replicasNotSupported: 10_074,
} as const;

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the call failed';
}

/** The code of an error answer of JetStream; undefined for any other error. */
export function apiCodeOf(error: unknown): number | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name.endsWith('Error') && 'apiError' in cause) return (cause as JetStreamApiError).code;
  }
  return undefined;
}

/** Whether no server subscribes to the subject: no stream has it, or its leader is not known at the moment. */
export function isNoResponders(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause.name === 'NoResponders') return true;
  return false;
}

/** The refusal of a subject that the user has no permission for. */
export function permissionProblem(error: unknown): LogRefusedError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name !== 'PermissionViolationError') continue;
    const { operation, subject } = cause as PermissionViolationError;
    const right = operation === 'publish' ? 'publish' : 'subscribe';
    return new LogRefusedError(`grant the NATS user the permission to ${right} to ${subject}`, { cause: error });
  }
  return undefined;
}

/** The error of the log's interface for a failed call that changes nothing, or that may be repeated. */
export function unavailable(error: unknown): LogUnavailableError {
  if (error instanceof LogUnavailableError) return error;
  const permission = permissionProblem(error);
  if (permission !== undefined) return permission;
  if (apiCodeOf(error) === ApiCode.notEnabledForAccount) {
    return new LogRefusedError('enable JetStream for the NATS account', { cause: error });
  }
  return new LogUnavailableError(isNoResponders(error) ? 'JetStream does not respond' : messageOf(error), {
    cause: error,
  });
}
