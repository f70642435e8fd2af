import { Backoff, type BackoffOptions } from './backoff.js';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { after, type Cancel } from './timers.js';
import type { TokenSource } from './token.js';

/** The minimum time between a refresh and the end of the token, in ms. */
const MARGIN = 5_000;

/** The minimum delay in ms, so that short-lived tokens are not refreshed without a pause. */
const SHORTEST_DELAY = 1_000;

/** Refreshes a connection's token before it expires. */
export class Refresher {
  readonly #connection: Connection;
  readonly #tokens: TokenSource;
  readonly #backoff: Backoff;
  readonly #report: (error: HoldfastError) => void;
  #isOver = false;
  #cancel: Cancel = () => {};

  constructor(
    connection: Connection,
    tokens: TokenSource,
    backoff: BackoffOptions,
    report: (error: HoldfastError) => void,
  ) {
    this.#connection = connection;
    this.#tokens = tokens;
    this.#backoff = new Backoff(backoff);
    this.#report = report;
  }

  /** Schedules a refresh for a token that expires in `expires` ms; `undefined` if it does not expire. */
  expiresIn(expires: number | undefined): void {
    if (expires === undefined) return;
    this.#refreshIn(Math.max(Math.min(expires * 0.8, expires - MARGIN), SHORTEST_DELAY));
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #refreshIn(delay: number): void {
    if (!this.#isOver) this.#cancel = after(delay, () => void this.#refresh());
  }

  async #refresh(): Promise<void> {
    try {
      const token = await this.#tokens.next();
      if (this.#isOver) return;
      this.#connection.request('refresh', JSON.stringify({ token }), {
        done: ({ expires }) => {
          this.#backoff.reset();
          this.expiresIn(expires);
        },
        failed: (error) => {
          if (error.code === 'unauthorized') this.#tokens.refuse(token);
          // Otherwise it would look like the callback's own, which ends the client.
          this.#failed(new HoldfastError(error.code, error.message, { retryable: true }));
        },
      });
    } catch (error) {
      this.#failed(error as HoldfastError);
    }
  }

  /** Retries until it succeeds or the gateway closes the connection with 4001. */
  #failed(error: HoldfastError): void {
    if (this.#isOver) return;
    this.#report(error);
    this.#refreshIn(this.#backoff.next());
  }
}
