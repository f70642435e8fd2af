import {
  BEARER_SUBPROTOCOL_PREFIX,
  retryAfterClose,
  SESSION_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
} from '@holdfast/protocol';
import { Backoff, type BackoffOptions } from './backoff.js';
import { Connection, type CloseReason, type ConnectionOwner } from './connection.js';
import { HoldfastError } from './errors.js';
import { Refresher } from './refresh.js';
import type { SocketConstructor } from './socket.js';
import { after, type Cancel } from './timers.js';
import { fitsSubprotocol, type TokenSource } from './token.js';

/** A client that is asked to leave does so at a random moment within this part of its time. */
const EARLY = 0.25;
/** The upper limit in ms: the gateway asks few clients at a time, so a longer delay would only crowd them at the end. */
const EARLY_AT_MOST = 1_000;

export interface LinkOwner {
  /** Use this connection from now on. During a move the previous one still receives the replies to its requests. */
  up(connection: Connection): void;
  /** This connection has ended. */
  lost(connection: Connection): void;
  /** There is no connection, or an attempt failed; another attempt follows. */
  down(reason: CloseReason): void;
  /** There will be no further attempts. */
  stopped(reason: CloseReason): void;
  moved(from: string, to: string): void;
  /** Whether all subscriptions are served by this connection alone. */
  isSettledOn(connection: Connection): boolean;
  report(error: HoldfastError): void;
}

export interface LinkOptions {
  readonly url: URL;
  readonly WebSocket: SocketConstructor;
  readonly tokens: TokenSource;
  readonly timeout: number;
  readonly backoff: BackoffOptions;
}

interface Attempt {
  token?: string | undefined;
  /** Absent until the token is available. */
  connection?: Connection;
}

/**
 * Keeps a connection to a gateway: opens the first one, another when one is lost, and when the gateway asks us to leave,
 * the next one before closing the current one.
 */
export class Link implements ConnectionOwner {
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
  #isClosed = false;
  #cancelDial: Cancel = () => {};
  #cancelRetire: Cancel = () => {};

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#backoff = new Backoff(options.backoff);
    void this.#dial();
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

  /** Closes all connections, waiting up to `grace` ms for outstanding replies. */
  async close(grace: number): Promise<void> {
    this.#isClosed = true;
    this.#cancelDial();
    this.#cancelRetire();
    const connections = [this.#attempt?.connection, this.#retiring, this.#current];
    this.#attempt = undefined;
    await Promise.all(connections.flatMap((connection) => connection?.close(grace) ?? []));
  }

  welcomed(connection: Connection): void {
    const { welcome } = connection;
    if (this.#isClosed || welcome === undefined) return;
    this.#attempt = undefined;
    this.#session = welcome.session;
    this.#connectedAt = performance.now();
    const { tokens, backoff } = this.#options;
    if (tokens.isRenewable) {
      const refresher = new Refresher(connection, tokens, backoff, (error) => this.#owner.report(error));
      this.#refreshers.set(connection, refresher);
      refresher.expiresIn(welcome.expires);
    }

    this.#retiring = this.#current;
    this.#current = connection;
    if (this.#retiring) this.#limitRetiring(this.#retiring);
    this.#owner.up(connection);
    this.leaveIfSettled();
  }

  ended(connection: Connection, reason: CloseReason): void {
    this.#refreshers.get(connection)?.stop();
    this.#refreshers.delete(connection);
    if (this.#isClosed) return;
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

  async #dial(): Promise<void> {
    const attempt: Attempt = {};
    this.#attempt = attempt;
    try {
      attempt.token = await this.#options.tokens.next();
      if (this.#attempt === attempt) attempt.connection = this.#open(attempt.token);
    } catch (error) {
      if (this.#attempt !== attempt) return;
      this.#attempt = undefined;
      this.#owner.report(toHoldfastError(error));
      this.#dialAgain();
    }
  }

  #open(token: string | undefined): Connection {
    const { url, WebSocket, timeout } = this.#options;
    const session = this.#session;
    const protocols: string[] = [SUBPROTOCOL];
    let connect;
    if (token) {
      if (fitsSubprotocol(token)) protocols.push(BEARER_SUBPROTOCOL_PREFIX + token);
      else connect = { token, session };
    }
    // With its session a client keeps its id, its presence and the keys of its publishes. Not in the URL, because proxies log it.
    if (session !== undefined) protocols.push(SESSION_SUBPROTOCOL_PREFIX + session);
    return new Connection({ WebSocket, url: url.href, protocols, connect, timeout }, this);
  }

  #dialIn(delay: number): void {
    this.#cancelDial();
    this.#cancelDial = after(delay, () => void this.#dial());
  }

  #dialAgain(): void {
    if (!this.#isClosed) this.#dialIn(this.#backoff.next());
  }

  #attemptFailed(reason: CloseReason): void {
    const token = this.#attempt?.token;
    this.#attempt = undefined;
    if (this.#isFinal(reason)) {
      // If a move is refused, keep the current connection until it ends.
      if (!this.#current) this.#stop(reason);
      return;
    }
    if (retryAfterClose(reason.code) === 'token') {
      this.#options.tokens.refuse(token);
      this.#owner.report(new HoldfastError('unauthorized', reason.message, { retryable: true }));
    }
    if (!this.#current) this.#owner.down(reason);
    if (this.#current?.mayStay && performance.now() >= (this.#current.leaveBy ?? 0)) this.#current.stay();
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
    this.#dialIn(Math.random() * Math.min(EARLY * (leaveBy - performance.now()), EARLY_AT_MOST));
  }

  #limitRetiring(retiring: Connection): void {
    this.#cancelRetire();
    this.#cancelRetire = after((retiring.leaveBy ?? 0) - performance.now(), () => void retiring.close());
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
    if (performance.now() - this.#connectedAt >= this.#backoff.max) this.#backoff.reset();
  }

  #isFinal({ code }: CloseReason): boolean {
    const retry = retryAfterClose(code);
    return retry === 'never' || (retry === 'token' && !this.#options.tokens.isRenewable);
  }

  #stop(reason: CloseReason): void {
    void this.close(0);
    this.#owner.stopped(reason);
  }
}

/** Converts errors of the WebSocket's constructor. */
function toHoldfastError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError('disconnected', 'the WebSocket could not be opened', { retryable: true, cause: error });
}
