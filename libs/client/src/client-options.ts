import type { BackoffOptions } from './backoff.js';
import type { Debug } from './debug.js';
import { BOOLEAN, checkOptions, COUNT, DURATION, FUNCTION, type Kind } from './options.js';
import type { SocketConstructor } from './socket.js';
import { problemOf, type Token } from './token.js';

export interface HoldfastOptions {
  readonly token?: Token | undefined;
  /** Whether to connect at once, as by default. Otherwise {@link Holdfast.connect} does, and nothing happens before. */
  readonly connect?: boolean | undefined;
  /** The time limit for connecting, for a reply and for a token callback, in ms; 10,000 by default. Publishes wait longer, see `publish`. */
  readonly timeout?: number | undefined;
  /** Used instead of the global `WebSocket`. */
  readonly WebSocket?: SocketConstructor | undefined;
  /** The maximum number of unsettled publishes, 1,000 by default; more are rejected with `queue_full`. */
  readonly maxQueued?: number | undefined;
  /** Limits the delays between attempts; 500 ms and 20,000 ms by default. */
  readonly backoff?: { [Name in keyof BackoffOptions]?: BackoffOptions[Name] | undefined } | undefined;
  /** Reports each step, without tokens and data: `true` to the console, or to a function. */
  readonly debug?: Debug | undefined;
}

export const TOKEN: Kind = {
  is: 'a string or a function',
  test: (token) => typeof token === 'function' || !problemOf(token),
};

const OPTION_KINDS = {
  token: TOKEN,
  connect: BOOLEAN,
  timeout: DURATION,
  WebSocket: FUNCTION,
  maxQueued: COUNT,
  backoff: { is: 'an object', test: (backoff: unknown) => typeof backoff === 'object' },
  debug: { is: 'true, false or a function', test: (debug: unknown) => BOOLEAN.test(debug) || FUNCTION.test(debug) },
};

/** The limits that an application may set, with their defaults. */
export interface Limits {
  readonly timeout: number;
  readonly maxQueued: number;
  readonly backoff: BackoffOptions;
}

/** @throws TypeError if an option is invalid. */
export function limitsOf(options: HoldfastOptions): Limits {
  checkOptions('options', options, OPTION_KINDS);
  const { backoff = {}, timeout = 10_000, maxQueued = 1_000 } = options;
  checkOptions('options.backoff', backoff, { base: DURATION, max: DURATION });
  const { base = 500, max = 20_000 } = backoff;
  return { timeout, maxQueued, backoff: { base, max } };
}
