import { HoldfastError } from './errors.js';

/** The token, or a function that returns one, called before every connection and before the token expires. */
export type Token = string | (() => string | Promise<string>);

/** Provides the tokens of connections. */
export class TokenSource {
  readonly #token: Token | undefined;
  #refused: string | undefined;

  constructor(token: Token | undefined) {
    this.#token = token;
  }

  /** Whether a different token may be available. */
  get isRenewable(): boolean {
    return typeof this.#token === 'function';
  }

  /** Rejects with `token_failed`, or with `unauthorized` if the callback returns the refused token again. */
  async next(): Promise<string | undefined> {
    if (typeof this.#token !== 'function') return this.#token;
    let token: string;
    try {
      token = await this.#token();
    } catch (cause) {
      throw new HoldfastError('token_failed', 'the token callback failed', { retryable: true, cause });
    }
    if (token === this.#refused) {
      throw new HoldfastError('unauthorized', 'the token callback returned the refused token again', {
        retryable: true,
      });
    }
    return token;
  }

  /** The gateway refused this token. */
  refuse(token: string | undefined): void {
    this.#refused = token;
  }
}

/** Whether the text is valid in a subprotocol: the characters of a token in RFC 9110, section 5.6.2. */
export function fitsSubprotocol(token: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(token);
}
