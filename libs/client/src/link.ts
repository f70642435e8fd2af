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

/** A client that is told to leave does so within this part of the time that it has, at a moment picked at random. */
const EARLY = 0.25;
/** And within this many ms: the gateway tells few at once, so that more would only move the crowd to the end of its time. */
const EARLY_AT_MOST = 1_000;

export interface LinkOwner {
  /** Everything goes over this connection from now on. During a move the one before still brings what was asked there. */
  up(connection: Connection): void;
  /** This connection is gone. */
  lost(connection: Connection): void;
  /** There is no connection, or an attempt to open one failed; the next attempt follows. */
  down(reason: CloseReason): void;
  /** There will be no other connection. */
  stopped(reason: CloseReason): void;
  moved(from: string, to: string): void;
  /** Whether all that the application follows comes over this connection alone. */
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
  /** Missing while the token is asked for. */
  connection?: Connection;
}

/**
 * Keeps a connection to a gateway: opens the first, the next when one is lost, and when the gateway wants us gone, the
 * next before the present one is left.
 */
export class Link implements ConnectionOwner {
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #backoff: Backoff;
  readonly #refreshers = new Map<Connection, Refresher>();
  #session: string | undefined;
  #current: Connection | undefined;
  #connectedAt = 0;
  /** During a move: the connection that is left. */
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

  /** Leaves the previous connection once nothing depends on it. */
  leaveIfSettled(): void {
    const [current, retiring] = [this.#current, this.#retiring];
    if (current && retiring?.isIdle && this.#owner.isSettledOn(current)) void retiring.close();
  }

  /** Ends all connections; what is under way may be answered for up to `grace` ms. */
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
    // Somebody else has this session: two that take it from each other would do so for ever.
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

  toldToLeave(connection: Connection): void {
    if (connection === this.#retiring) this.#limitRetiring(connection);
    else if (!this.#retiring && !this.#attempt) this.#planMove(connection);
  }

  idle(connection: Connection): void {
    if (connection === this.#retiring) this.leaveIfSettled();
  }

  complained(error: HoldfastError): void {
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
    // Under its session a client keeps its id, its presence and the keys of its publishes. Not in the URL, which proxies log.
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
      // A move that is refused waits for the end of the connection that there is.
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
      // The new one went first: the old one is still good for the time that it has.
      this.#cancelRetire();
      this.#retiring = undefined;
      this.#current = retiring;
      this.#owner.up(retiring);
    } else {
      this.#owner.down(reason);
    }
    if (!this.#attempt) this.#dialAgain();
  }

  /** Opens the next connection early in the time that the gateway gives, but not all clients at once. */
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
    // It was told to leave as well, while it waited for the one before.
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

/** A WebSocket's constructor throws errors of its own. */
function toHoldfastError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError('disconnected', 'the WebSocket could not be opened', { retryable: true, cause: error });
}
