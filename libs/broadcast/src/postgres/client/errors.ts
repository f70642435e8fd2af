import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const CODES = {
  lockNotAvailable: '55P03',
  insufficientPrivilege: '42501',
  featureNotSupported: '0A000',
  undefinedObject: '42704',
} as const;

/** The server answered, and refuses for a reason that somebody has to remove: to try again does not help. */
export class RefusedError extends BrokerUnavailableError {}

/** A schema, table, column or function that does not exist: the schema was dropped. */
const MISSING: ReadonlySet<string> = new Set(['3F000', '42P01', '42703', '42883']);

/** What the server answers after it stopped being the primary. */
const READ_ONLY = '25006';

/** Answers that somebody has to do something about. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['53100', 'the disk of the server is full'],
  ['53200', 'the server has no memory left'],
  [READ_ONLY, 'the server is read-only'],
]);

/** An error answer of PostgreSQL. Its message is not kept: it may contain values. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';

  constructor(
    readonly code: string,
    /** Whether the server ended the connection with it. */
    readonly isFatal: boolean,
  ) {
    super(REASONS.get(code) ?? `PostgreSQL answered ${code}`);
  }

  /** Whether the connection has to be opened again: to another server, or to create the schema. */
  get needsConnection(): boolean {
    return MISSING.has(this.code) || this.code === READ_ONLY;
  }
}

/** Reads the error of a statement; undefined if it is not an answer of the server. */
export function answeredError(error: unknown): PostgresError | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  return new PostgresError(String(error.code), error.severity !== 'ERROR');
}

/** The error of the contract for a failed statement. Each statement is a transaction, which an error has rolled back. */
export function brokerError(error: unknown): BrokerUnavailableError | BrokerUnknownError {
  if (error instanceof BrokerUnavailableError || error instanceof BrokerUnknownError) return error;
  if (!(error instanceof PostgresError)) return new BrokerUnknownError('the statement failed');
  // A server that shuts down may have committed before: it then waits for its replicas.
  if (error.isFatal) return new BrokerUnknownError(error.message);
  return new BrokerUnavailableError(error.message, { cause: error });
}
