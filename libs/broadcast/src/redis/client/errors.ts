import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';

/** An error that Redis answered with. Only its code is kept: the rest may repeat arguments. */
export class RedisReplyError extends Error {
  override readonly name = 'RedisReplyError';

  constructor(
    readonly code: string,
    /** Of MOVED and ASK: where to turn to, `host:port`. */
    readonly target?: string,
  ) {
    super(`Redis answered ${code}`);
  }
}

/** Refused before anything was done. */
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
  // Before anything is stored: the first command of each script on a key reads it.
  'WRONGTYPE',
]);

/** What the server says of itself: it is not, or no longer, the one to ask. */
export const WRONG_SERVER: ReadonlySet<string> = new Set(['READONLY', 'MASTERDOWN', 'LOADING', 'CLUSTERDOWN']);

/** Answers that say that the slot is, or soon will be, elsewhere. */
export const REDIRECTIONS: ReadonlySet<string> = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/** The codes of errors that the server raises inside a script carry their own code first, since Redis 7. */
export function replyError(message: string): RedisReplyError {
  const [code = 'ERR', , target] = message.split(' ', 3);
  const isRedirection = code === 'MOVED' || code === 'ASK';
  return new RedisReplyError(/^[A-Z]+$/.test(code) ? code : 'ERR', isRedirection ? target : undefined);
}

/** What a caller of the broker is told. */
export function brokerError(error: unknown): BrokerUnavailableError | BrokerUnknownError {
  if (error instanceof BrokerUnavailableError || error instanceof BrokerUnknownError) return error;
  if (error instanceof RedisReplyError && REFUSED.has(error.code)) {
    return new BrokerUnavailableError(`Redis refused: ${error.code}`);
  }
  return new BrokerUnknownError(error instanceof RedisReplyError ? error.message : 'the command failed');
}
