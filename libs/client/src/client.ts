import type { HistoryReply, HistoryRequest, Json, Members, Position, Welcome } from '@holdfast/protocol';
import type { BackoffOptions } from './backoff.js';
import { Calls } from './calls.js';
import type { CloseReason, Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { HoldfastError } from './errors.js';
import { Link } from './link.js';
import { Outbox } from './outbox.js';
import type { SocketConstructor } from './socket.js';
import {
  ChannelSubscription,
  type Subscription,
  type SubscriptionHandlers,
  type SubscriptionOptions,
  type SubscriptionOwner,
} from './subscription.js';
import type { Cancel } from './timers.js';
import { TokenSource, type Token } from './token.js';

const DEFAULTS = { timeout: 10_000, maxQueued: 1_000, backoff: { base: 500, max: 20_000 } };

/** How long a clean close waits for outstanding replies, in ms. */
const CLOSE_GRACE = 2_000;

/** `connecting`: never connected so far. `closed`: permanently, by the application or by the gateway. */
export type State = 'connecting' | 'connected' | 'reconnecting' | 'closed';

export interface StateChange {
  readonly state: State;
  /** Only with `connected`. */
  readonly welcome?: Welcome;
  /** Why there is no connection; `code` is a WebSocket close code, 1006 if there was none. */
  readonly reason?: CloseReason;
}

/** The client moved to another connection at the gateway's request, without an interruption. */
export interface Move {
  /** The name of the previous pod. */
  readonly from: string;
  /** The name of the new pod. */
  readonly to: string;
}

export interface HoldfastEvents {
  /** The state changed, or another attempt to connect failed. */
  state: StateChange;
  moved: Move;
  /** An error after which the client continues, such as of a token callback, or of an attempt to subscribe. */
  error: HoldfastError;
}

export interface HoldfastOptions {
  readonly token?: Token | undefined;
  /** The time limit for connecting and for a reply, in ms; 10,000 by default. Publishes wait longer, see `publish`. */
  readonly timeout?: number | undefined;
  /** Used instead of the global `WebSocket`. */
  readonly WebSocket?: SocketConstructor | undefined;
  /** The maximum number of unsettled publishes, 1,000 by default; more are rejected with `queue_full`. */
  readonly maxQueued?: number | undefined;
  /** Limits the delays between attempts; 500 ms and 20,000 ms by default. */
  readonly backoff?: BackoffOptions | undefined;
}

/** A client of one gateway, or of many behind one URL. It connects at once, and reconnects until it is closed. */
export class Holdfast {
  readonly #timeout: number;
  readonly #backoff: BackoffOptions;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #calls: Calls;
  readonly #events = new Emitter<HoldfastEvents>();
  readonly #subscriptions = new Map<string, ChannelSubscription>();
  #state: State = 'connecting';
  #closing: Promise<void> | undefined;

  /**
   * @param url of the gateway's `/ws`; in a page it may be relative. http and https are replaced with ws and wss.
   * @throws TypeError if the URL is invalid, or there is no WebSocket.
   */
  constructor(url: string | URL, options: HoldfastOptions = {}) {
    this.#timeout = options.timeout ?? DEFAULTS.timeout;
    this.#backoff = options.backoff ?? DEFAULTS.backoff;
    const connection = () => this.#link.current;
    const report = (error: HoldfastError) => this.#events.emit('error', error);
    this.#calls = new Calls({ timeout: this.#timeout, connection });
    this.#outbox = new Outbox({
      maxQueued: options.maxQueued ?? DEFAULTS.maxQueued,
      backoff: this.#backoff,
      connection,
    });
    this.#link = new Link(
      {
        url: toWebSocketUrl(url),
        WebSocket: options.WebSocket ?? globalWebSocket(),
        tokens: new TokenSource(options.token),
        timeout: this.#timeout,
        backoff: this.#backoff,
      },
      {
        up: (current) => this.#up(current),
        lost: (lost) => this.#subscriptions.forEach((subscription) => subscription.detach(lost)),
        down: (reason) => this.#change(this.#state === 'connecting' ? 'connecting' : 'reconnecting', { reason }),
        stopped: (reason) => this.#finish(reason),
        moved: (from, to) => this.#events.emit('moved', { from, to }),
        isSettledOn: (current) => [...this.#subscriptions.values()].every((subscription) => subscription.isOn(current)),
        report,
      },
    );
  }

  get state(): State {
    return this.#state;
  }

  /** The welcome of the current connection. Its `session` is a secret. */
  get welcome(): Welcome | undefined {
    return this.#link.current?.welcome;
  }

  /** Calls `listener` for each event, until the returned function is called. */
  on<E extends keyof HoldfastEvents>(event: E, listener: (detail: HoldfastEvents[E]) => void): Cancel {
    return this.#events.on(event, listener);
  }

  /**
   * Subscribes to a channel (`@me`: the user's own). Every message is delivered once and in order, across reconnects and
   * moves; lost messages are reported to `handlers.gap`.
   *
   * @throws HoldfastError `already_subscribed`, and `closed` after {@link close}.
   */
  subscribe(channel: string, handlers: SubscriptionHandlers, options: SubscriptionOptions = {}): Subscription {
    if (this.#state === 'closed') throw closedError();
    if (this.#subscriptions.has(channel)) {
      throw new HoldfastError('already_subscribed', `this client is already subscribed to ${channel}`);
    }
    const owner: SubscriptionOwner = {
      report: (error) => this.#events.emit('error', error),
      progressed: () => this.#link.leaveIfSettled(),
      forget: () => {
        this.#subscriptions.delete(channel);
        this.#link.leaveIfSettled();
      },
    };
    const subscription = new ChannelSubscription(channel, handlers, options, this.#backoff, owner);
    this.#subscriptions.set(channel, subscription);
    const { current } = this.#link;
    if (current) subscription.attach(current);
    return subscription;
  }

  /**
   * Publishes, in the order of the calls per channel. Resolves to the publication's position once it is stored. It waits
   * for a connection, and is retried with the same key after retryable errors, for as long as the gateway remembers
   * keys (`welcome.keyWindow`, counted from the first attempt; before that, from now).
   *
   * Rejects with a {@link HoldfastError}: the gateway's own if it is not retryable, `unavailable` if the message was not
   * stored in that time, `unknown` if it may have been, `queue_full`, `closed`.
   *
   * @param options.key 1–64 characters, random by default. Two publishes with one key are stored once.
   */
  async publish(channel: string, data: Json, options: { readonly key?: string | undefined } = {}): Promise<Position> {
    if (this.#state === 'closed') throw closedError();
    return this.#outbox.publish(channel, data, options.key ?? randomKey());
  }

  /** Reads the members of a channel. Rejects with a {@link HoldfastError}. */
  async presence(channel: string): Promise<Members> {
    if (this.#state === 'closed') throw closedError();
    return this.#calls.ask('presence', { channel });
  }

  /** Reads the stored publications of a channel, and its current position. Rejects with a {@link HoldfastError}. */
  async history(channel: string, options: Omit<HistoryRequest, 'channel'> = {}): Promise<HistoryReply> {
    if (this.#state === 'closed') throw closedError();
    return this.#calls.ask('history', { channel, ...options });
  }

  /**
   * Ends all subscriptions and, with 1000, the connection. Waits up to 2 s for outstanding replies;
   * everything else is rejected with `closed`. Resolves when nothing is left running.
   */
  close(): Promise<void> {
    if (this.#state !== 'closed') this.#finish({ code: 1000, message: 'closed by the application' });
    return (this.#closing ??= this.#link.close(CLOSE_GRACE));
  }

  #up(current: Connection): void {
    for (const subscription of this.#subscriptions.values()) subscription.attach(current);
    const { welcome } = current;
    if (welcome === undefined) return;
    this.#outbox.flush(welcome.keyWindow);
    this.#calls.flush();
    if (this.#state !== 'connected') this.#change('connected', { welcome });
  }

  #finish(reason: CloseReason): void {
    const error = closedError(reason.message);
    for (const subscription of this.#subscriptions.values()) subscription.end(error);
    this.#outbox.close(error);
    this.#calls.close(error);
    this.#change('closed', { reason });
  }

  #change(state: State, detail: Omit<StateChange, 'state'>): void {
    this.#state = state;
    this.#events.emit('state', { state, ...detail });
  }
}

function closedError(why = 'closed by the application'): HoldfastError {
  return new HoldfastError('closed', `the client is closed: ${why}`);
}

function toWebSocketUrl(url: string | URL): URL {
  const absolute = new URL(url, 'location' in globalThis ? location.href : undefined);
  absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
  return absolute;
}

function globalWebSocket(): SocketConstructor {
  if (typeof WebSocket === 'undefined') throw new TypeError('there is no global WebSocket: pass the option WebSocket');
  return WebSocket;
}

/** Not crypto.randomUUID, which is missing in pages without TLS. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
