import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';

/** An error answer of Redis. Only its code is kept: the rest may contain arguments. */
export class RedisReplyError extends Error {
  override readonly name = 'RedisReplyError';

  constructor(
    readonly code: string,
    /** The target of MOVED and ASK, `host:port`. */
    readonly target?: string,
  ) {
    super(`Redis answered ${code}`);
  }
}

/** Codes of commands that were refused before anything was done. */
const REFUSED: ReadonlySet<string> = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'CROSSSLOT',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'NOSCRIPT',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'UNBLOCKED',
  'WRONGPASS',
  // Nothing was stored: the first command of each script on a key reads it.
  'WRONGTYPE',
]);

/** Codes of a server that cannot serve the command, or cannot any more. */
export const WRONG_SERVER: ReadonlySet<string> = new Set(['READONLY', 'MASTERDOWN', 'LOADING', 'CLUSTERDOWN']);

/** Codes for a slot that is, or soon will be, on another node. */
export const REDIRECTIONS: ReadonlySet<string> = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/** Since Redis 7, errors raised inside a script begin with their own code as well. */
export function replyError(message: string): RedisReplyError {
  const [code = 'ERR', , target] = message.split(' ', 3);
  const isRedirection = code === 'MOVED' || code === 'ASK';
  return new RedisReplyError(/^[A-Z]+$/.test(code) ? code : 'ERR', isRedirection ? target : undefined);
}

/** The error of the contract for a failed command. */
export function brokerError(error: unknown): BrokerUnavailableError | BrokerUnknownError {
  if (error instanceof BrokerUnavailableError || error instanceof BrokerUnknownError) return error;
  if (error instanceof RedisReplyError && REFUSED.has(error.code)) {
    return new BrokerUnavailableError(`Redis refused: ${error.code}`);
  }
  return new BrokerUnknownError(error instanceof RedisReplyError ? error.message : 'the command failed');
}
