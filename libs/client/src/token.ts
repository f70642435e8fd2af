import { HoldfastError } from './errors.js';
import { within } from './timers.js';

/**
 * The token, or a function that returns one, called before every connection and before the token expires. If nobody is
 * signed in any more, it throws `new HoldfastError('unauthorized', …)`: the client disconnects and stops asking.
 */
export type Token = string | (() => string | Promise<string>);

/** The gateway's limit, in characters. */
const MAX_LENGTH = 8_000;

/** Provides the tokens of connections. */
export class TokenSource {
  readonly #timeout: number;
  #token: Token | undefined;
  #refused: string | undefined;

  /** @param timeout the time limit for the callback, in ms. */
  constructor(token: Token | undefined, timeout: number) {
    this.#token = token;
    this.#timeout = timeout;
  }

  /** Whether a different token may be available. */
  get isRenewable(): boolean {
    return typeof this.#token === 'function';
  }

  /** Uses another source from now on. */
  replace(token: Token | undefined): void {
    this.#token = token;
    this.#refused = undefined;
  }

  /** Rejects as {@link askForToken} does, and with `unauthorized` if the callback returns the refused token again. */
  async next(): Promise<string | undefined> {
    const source = this.#token;
    if (typeof source !== 'function') return source;
    const token = await askForToken('the token callback', source, this.#timeout);
    if (token !== this.#refused) return token;
    throw new HoldfastError('unauthorized', 'the token callback returned the refused token again', { retryable: true });
  }

  /** The gateway refused this token. */
  refuse(token: string | undefined): void {
    this.#refused = token;
  }
}

/**
 * Calls a token callback.
 *
 * @param what names it in errors.
 * @returns a token. Rejects with `token_failed`, or with the callback's own `unauthorized` ({@link isSignedOut}).
 */
export async function askForToken(what: string, ask: () => string | Promise<string>, timeout: number): Promise<string> {
  const failed = (message: string, cause?: unknown) =>
    new HoldfastError('token_failed', `${what} ${message}`, { retryable: true, cause });
  let token: unknown;
  try {
    token = await within<unknown>(timeout, Promise.resolve(ask()), () => {
      throw failed(`did not settle within ${timeout} ms`);
    });
  } catch (cause) {
    if (cause instanceof HoldfastError && (cause.code === 'token_failed' || isSignedOut(cause))) throw cause;
    throw failed('failed', cause);
  }
  const problem = problemOf(token);
  if (problem === undefined) return token as string;
  throw failed(`returned ${problem}: return a token, or throw an error`);
}

/** What is wrong with a token, if anything is. Never contains the token. */
export function problemOf(token: unknown): string | undefined {
  if (typeof token !== 'string') return token === null ? 'null' : typeof token;
  if (token === '') return 'an empty string';
  if (/^\s*</.test(token)) return 'an HTML page (did the request fail?)';
  return token.length > MAX_LENGTH ? `more than ${MAX_LENGTH} characters` : undefined;
}

/** Whether a token callback threw this because nobody is signed in. */
export function isSignedOut({ code, retryable }: HoldfastError): boolean {
  return code === 'unauthorized' && !retryable;
}

/** Whether the text is valid in a subprotocol: the characters of a token in RFC 9110, section 5.6.2. */
export function fitsSubprotocol(token: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(token);
}
