import { HoldfastError } from './errors.js';

/** The token, or what gives one: asked before every connection and before the token expires. */
export type Token = string | (() => string | Promise<string>);

/** Where the connections' tokens come from. */
export class TokenSource {
  readonly #token: Token | undefined;
  #refused: string | undefined;

  constructor(token: Token | undefined) {
    this.#token = token;
  }

  /** Whether there may be another token than the last. */
  get isRenewable(): boolean {
    return typeof this.#token === 'function';
  }

  /** Rejects with `token_failed`, and with `unauthorized` where the callback gives the refused token again. */
  async next(): Promise<string | undefined> {
    if (typeof this.#token !== 'function') return this.#token;
    let token: string;
    try {
      token = await this.#token();
    } catch (cause) {
      throw new HoldfastError('token_failed', 'the token callback failed', { retryable: true, cause });
    }
    if (token === this.#refused) {
      throw new HoldfastError('unauthorized', 'the token callback gave the token again that was refused', {
        retryable: true,
      });
    }
    return token;
  }

  /** The gateway did not take this token. */
  refuse(token: string | undefined): void {
    this.#refused = token;
  }
}

/** Whether a subprotocol may hold this text: the characters of a token in RFC 9110, section 5.6.2. */
export function fitsSubprotocol(token: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(token);
}
