import { retryAfterClose } from '@holdfast/protocol';
import { Backoff, moveDelay, type BackoffOptions } from './backoff.js';
import { Connection, type CloseReason, type ConnectionOwner } from './connection.js';
import { credentials } from './credentials.js';
import type { Log } from './debug.js';
import { HoldfastError } from './errors.js';
import { watchPage, type PageListener } from './page.js';
import { Refresher } from './refresh.js';
import type { SocketConstructor } from './socket.js';
import { after, now, type Cancel } from './timers.js';
import { isSignedOut, type TokenSource } from './token.js';

/** An attempt that began this recently, in ms, is not replaced when the network is back. */
const RECENT = 300;

export interface LinkOwner {
  /** Use this connection from now on. During a move the previous one still receives the replies to its requests. */
  up(connection: Connection): void;
  /** This connection has ended. */
  lost(connection: Connection): void;
  /** There is no connection, or an attempt failed; another attempt follows. */
  down(reason: CloseReason): void;
  /** There will be no further attempts: the gateway refused the client for good. */
  stopped(reason: CloseReason): void;
  /** There will be no further attempts until {@link Link.start}: the token callback reported that nobody is signed in. */
  signedOut(reason: CloseReason): void;
  moved(from: string, to: string): void;
  /** Whether all subscriptions are served by this connection alone. */
  isSettledOn(connection: Connection): boolean;
  report(error: HoldfastError): void;
}

export interface LinkOptions {
  /** @throws TypeError if it cannot be resolved. */
  readonly url: () => string;
  readonly WebSocket: () => SocketConstructor;
  readonly tokens: TokenSource;
  readonly timeout: number;
  readonly backoff: BackoffOptions;
  readonly log: Log;
}

interface Attempt {
  readonly startedAt: number;
  token?: string | undefined;
  /** Absent until the token is available. */
  connection?: Connection;
}

/**
 * Keeps a connection to a gateway: opens the first one, another when one is lost, and when the gateway asks us to leave,
 * the next one before closing the current one.
 */
export class Link implements ConnectionOwner, PageListener {
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #backoff: Backoff;
  readonly #refreshers = new Map<Connection, Refresher>();
  #session: string | undefined;
  #current: Connection | undefined;
  #connectedAt = 0;
  /** During a move: the previous connection. */
  #retiring: Connection | undefined;
  #attempt: Attempt | undefined;
  #isStarted = false;
  /** Whether the page was left, and may come back. */
  #isAway = false;
  #cancelDial: Cancel = () => {};
  #cancelRetire: Cancel = () => {};
  #stopWatching: Cancel = () => {};

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#backoff = new Backoff(options.backoff);
  }

  /** Connects, and stays connected until {@link stop}. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#isAway = false;
    this.#stopWatching = watchPage(this);
    this.#dialNow();
  }

  /** The connection for requests. */
  get current(): Connection | undefined {
    return this.#current;
  }

  /** Closes the previous connection once nothing depends on it. */
  leaveIfSettled(): void {
    const [current, retiring] = [this.#current, this.#retiring];
    if (current && retiring?.isIdle && this.#owner.isSettledOn(current)) void retiring.close();
  }

  /** Closes all connections, waiting up to `grace` ms for outstanding replies. {@link start} connects again. */
  async stop(grace: number): Promise<void> {
    this.#isStarted = false;
    this.#stopWatching();
    await this.#leaveAll(grace);
  }

  /** Opens another connection, and then closes the current one. Waits for no delay. */
  renew(): void {
    if (this.#current) this.#current.leaveBy ??= now() + this.#options.timeout;
    this.#dialNow();
  }

  returned(): void {
    if (this.#isAway) return;
    this.#current?.check();
    if (!this.#current) this.#dialNow();
  }

  left(): void {
    this.#isAway = true;
    void this.#leaveAll(0);
    this.#owner.down({ code: 1000, message: 'the page was left' });
  }

  shown(): void {
    if (!this.#isAway) return this.returned();
    this.#isAway = false;
    this.#dialNow();
  }

  async #leaveAll(grace: number): Promise<void> {
    this.#cancelDial();
    this.#cancelRetire();
    for (const refresher of this.#refreshers.values()) refresher.stop();
    const all = [this.#attempt?.connection, this.#current, this.#retiring].flatMap((connection) => connection ?? []);
    this.#attempt = this.#current = this.#retiring = undefined;
    for (const connection of all) this.#owner.lost(connection);
    await Promise.all(all.map((connection) => connection.close(grace)));
  }

  welcomed(connection: Connection): void {
    const { welcome } = connection;
    if (connection !== this.#attempt?.connection || welcome === undefined) return;
    this.#attempt = undefined;
    this.#session = welcome.session;
    this.#connectedAt = now();
    const { tokens, backoff } = this.#options;
    if (tokens.isRenewable) {
      const refresher = new Refresher(connection, tokens, backoff, (error) => {
        if (isSignedOut(error)) this.#signOut(error);
        else this.#owner.report(error);
      });
      this.#refreshers.set(connection, refresher);
      refresher.expiresIn(welcome.expires);
    }

    // Only after `renew`: it does not wait until an earlier move is complete.
    void this.#retiring?.close();
    this.#retiring = this.#current;
    this.#current = connection;
    if (this.#retiring) this.#limitRetiring(this.#retiring);
    this.#owner.up(connection);
    this.leaveIfSettled();
  }

  ended(connection: Connection, reason: CloseReason): void {
    this.#refreshers.get(connection)?.stop();
    this.#refreshers.delete(connection);
    // Another client uses this session: two clients would replace each other for ever.
    if (connection !== this.#retiring && retryAfterClose(reason.code) === 'session') this.#session = undefined;
    switch (connection) {
      case this.#attempt?.connection:
        return this.#attemptFailed(reason);
      case this.#retiring:
        return this.#moved(connection);
      case this.#current:
        return this.#lost(connection, reason);
    }
  }

  askedToLeave(connection: Connection): void {
    if (connection === this.#retiring) this.#limitRetiring(connection);
    else if (!this.#retiring && !this.#attempt) this.#planMove(connection);
  }

  idle(connection: Connection): void {
    if (connection === this.#retiring) this.leaveIfSettled();
  }

  errorReceived(error: HoldfastError): void {
    this.#owner.report(error);
  }

  /** Makes the next attempt without a delay, unless one has just begun. */
  #dialNow(): void {
    if (!this.#isStarted || this.#isAway) return;
    this.#cancelDial();
    this.#backoff.reset();
    const attempt = this.#attempt;
    if (attempt && now() - attempt.startedAt < RECENT) return;
    // It may have begun on a network that is gone.
    this.#attempt = undefined;
    attempt?.connection?.giveUp('replaced by another attempt');
    void this.#dial();
  }

  async #dial(): Promise<void> {
    const attempt: Attempt = { startedAt: now() };
    this.#attempt = attempt;
    try {
      attempt.token = await this.#options.tokens.next();
      if (this.#attempt === attempt) attempt.connection = this.#open(attempt.token);
    } catch (cause) {
      if (this.#attempt !== attempt) return;
      this.#attempt = undefined;
      const error = toHoldfastError(cause);
      if (isSignedOut(error)) return this.#signOut(error);
      this.#owner.report(error);
      this.#dialAgain();
    }
  }

  #open(token: string | undefined): Connection {
    const { url, WebSocket, timeout, log } = this.#options;
    log(`connecting to ${url()}${token === undefined ? '' : ' with a token'}`);
    const options = { WebSocket: WebSocket(), url: url(), timeout, log, ...credentials(token, this.#session) };
    return new Connection(options, this);
  }

  #dialAgain(): void {
    if (this.#isStarted) this.#dialIn(this.#backoff.next());
  }

  #dialIn(delay: number): void {
    this.#options.log(`next attempt in ${Math.round(delay)} ms`);
    this.#cancelDial();
    this.#cancelDial = after(delay, () => void this.#dial());
  }

  #attemptFailed(reason: CloseReason): void {
    const token = this.#attempt?.token;
    this.#attempt = undefined;
    if (this.#isFinal(reason)) {
      // If a move is refused, keep the current connection until it ends.
      if (!this.#current) return this.#stop(reason);
      this.#current.stay();
      if (retryAfterClose(reason.code) === 'token')
        this.#owner.report(new HoldfastError('unauthorized', reason.message));
      return;
    }
    if (retryAfterClose(reason.code) === 'token') {
      this.#options.tokens.refuse(token);
      this.#owner.report(new HoldfastError('unauthorized', reason.message, { retryable: true }));
    }
    if (!this.#current) this.#owner.down(reason);
    if (this.#current?.mayStay && now() >= (this.#current.leaveBy ?? 0)) this.#current.stay();
    else this.#dialAgain();
  }

  #lost(connection: Connection, reason: CloseReason): void {
    const retiring = this.#retiring;
    this.#current = undefined;
    if (this.#isFinal(reason)) return this.#stop(reason);
    this.#forgetFailuresIfStable();
    this.#owner.lost(connection);
    if (retiring) {
      // The new connection ended first: use the old one for its remaining time.
      this.#cancelRetire();
      this.#retiring = undefined;
      this.#current = retiring;
      this.#owner.up(retiring);
    } else {
      this.#owner.down(reason);
    }
    if (!this.#attempt) this.#dialAgain();
  }

  /** Schedules the next connection early in the time that the gateway allows, but randomly, so that clients do not move at once. */
  #planMove({ leaveBy }: Connection): void {
    if (leaveBy === undefined) return;
    this.#forgetFailuresIfStable();
    this.#dialIn(moveDelay(leaveBy - now()));
  }

  #limitRetiring(retiring: Connection): void {
    this.#cancelRetire();
    this.#cancelRetire = after((retiring.leaveBy ?? 0) - now(), () => void retiring.close());
  }

  #moved(from: Connection): void {
    this.#cancelRetire();
    this.#retiring = undefined;
    this.#owner.lost(from);
    const to = this.#current;
    if (!to) return;
    this.#owner.moved(from.welcome?.node ?? '', to.welcome?.node ?? '');
    // The new gateway may also have asked us to leave meanwhile.
    this.#planMove(to);
  }

  #forgetFailuresIfStable(): void {
    if (now() - this.#connectedAt >= this.#backoff.max) this.#backoff.reset();
  }

  #isFinal({ code }: CloseReason): boolean {
    const retry = retryAfterClose(code);
    return retry === 'never' || (retry === 'token' && !this.#options.tokens.isRenewable);
  }

  #stop(reason: CloseReason): void {
    void this.stop(0);
    this.#owner.stopped(reason);
  }

  #signOut({ message }: HoldfastError): void {
    void this.stop(0);
    this.#owner.signedOut({ code: 4001, message });
  }
}

/** Converts errors of the WebSocket's constructor. */
function toHoldfastError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError('disconnected', 'the WebSocket could not be opened', { retryable: true, cause: error });
}
