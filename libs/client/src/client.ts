import type { HistoryReply, HistoryRequest, Members, Position, Welcome } from '@holdfast/protocol';
import type { AnyCalls, CallData, CallName, CallResult } from './call-map.js';
import { OpenCalls } from './calls.js';
import type { AnyChannels, ChannelName, Data, Undeclared } from './channel-map.js';
import { limitsOf, TOKEN, type HoldfastOptions } from './client-options.js';
import type { PublishOptions } from './publish-options.js';
import type { CloseReason, Connection } from './connection.js';
import { logOf } from './debug.js';
import { HoldfastError } from './errors.js';
import { encode } from './json.js';
import { Link } from './link.js';
import {
  BOOLEAN,
  checkCall,
  checkChannel,
  checkOptions,
  COUNT,
  FUNCTION,
  KEY,
  POSITION,
  TRACEPARENT,
} from './options.js';
import { Outbox } from './outbox.js';
import { Reports, type HoldfastEvents, type State, type StateChange } from './reports.js';
import type { SocketConstructor } from './socket.js';
import {
  HANDLER_KINDS,
  SUBSCRIPTION_KINDS,
  type AnyHandlers,
  type Subscription,
  type SubscriptionOptions,
} from './subscription.js';
import type { Cancel } from './timers.js';
import { TokenSource, type Token } from './token.js';
import { Topics } from './topics.js';
import { webSocketUrl } from './url.js';

/** How long a clean close waits for outstanding replies, in ms. */
const CLOSE_GRACE = 2_000;

/**
 * A client of one gateway, or of many behind one URL. It connects at once, and reconnects until it is disconnected or closed.
 *
 * @typeParam Channels the types of data by patterns of channels, such as `{ 'chat:*': ChatMessage }`. Other channels are
 * then errors of the compiler.
 * @typeParam Calls the types of calls, as functions, such as `{ 'orders.create': (order: Order) => Receipt }`.
 */
export class Holdfast<Channels extends object = AnyChannels, Calls extends object = AnyCalls> {
  readonly #link: Link;
  readonly #tokens: TokenSource;
  readonly #outbox: Outbox;
  readonly #calls: OpenCalls;
  /** Throws if there is no URL or WebSocket. */
  readonly #check: () => void;
  readonly #reports: Reports;
  readonly #topics: Topics;
  #state: State = 'disconnected';
  #wasConnected = false;
  #closing: Promise<void> | undefined;

  /**
   * @param url of the gateway's `/ws`; in a page it may be relative. http and https are replaced with ws and wss.
   * @throws TypeError if the URL or an option is invalid, or there is no WebSocket.
   */
  constructor(url: string | URL, options: HoldfastOptions = {}) {
    const { maxQueued, ...limits } = limitsOf(options);
    const { timeout, backoff } = limits;
    const target = webSocketUrl(url);
    const socket = () => options.WebSocket ?? globalWebSocket();
    this.#check = () => void [target(), socket()];
    const connection = () => this.#link.current;
    const log = logOf(options.debug);
    this.#reports = new Reports(log);
    const report = (error: HoldfastError) => this.#reports.error(error);
    this.#tokens = new TokenSource(options.token, timeout);
    this.#calls = new OpenCalls({ timeout, connection });
    this.#outbox = new Outbox({ maxQueued, backoff, connection });
    this.#topics = new Topics({
      ...limits,
      connection,
      report,
      progressed: () => this.#link.leaveIfSettled(),
      history: (request) => this.#calls.ask('history', request),
      presence: (channel) => this.#calls.ask('presence', { channel }),
    });
    this.#link = new Link(
      {
        ...limits,
        url: target,
        WebSocket: socket,
        tokens: this.#tokens,
        log,
      },
      {
        up: (current) => this.#up(current),
        lost: (lost) => this.#topics.detach(lost),
        down: (reason) => this.#change(this.#wasConnected ? 'reconnecting' : 'connecting', { reason }),
        stopped: (reason) => this.#finish(reason),
        signedOut: (reason) => this.#change('disconnected', { reason }),
        moved: (from, to) => this.#reports.events.emit('moved', { from, to }),
        isSettledOn: (current) => this.#topics.areOn(current),
        report,
      },
    );
    if (options.connect !== false) this.#start();
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
    checkOptions('on', { [event]: listener }, { state: FUNCTION, moved: FUNCTION, error: FUNCTION });
    return this.#reports.events.on(event, listener);
  }

  /**
   * Connects after `connect: false`, after {@link disconnect}, and when somebody has signed in.
   *
   * @throws HoldfastError `closed`
   * @throws TypeError if the URL is relative and this is no page, or there is no WebSocket.
   */
  connect(): void {
    this.#checkOpen();
    if (this.#state === 'disconnected') this.#start();
  }

  /**
   * Closes the connection until {@link connect}. Subscriptions continue then from where they were, and publishes wait.
   * Waits up to 2 s for outstanding replies.
   */
  async disconnect(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'disconnected') return;
    const stopped = this.#link.stop(CLOSE_GRACE);
    this.#change('disconnected', { reason: { code: 1000, message: 'disconnected by the application' } });
    await stopped;
  }

  /**
   * Opens another connection at once, with a token that is asked for anew, and then closes the current one. For an
   * application that knows more than the client, such as that the network has changed.
   *
   * @throws HoldfastError `closed`
   */
  reconnect(): void {
    this.#checkOpen();
    if (this.#state === 'disconnected') this.connect();
    else this.#link.renew();
  }

  /**
   * Uses another token from now on, on another connection: somebody has signed in, or as another user. Subscriptions
   * continue, and publishes that wait are published by the new user. Without a token the client is anonymous.
   *
   * @throws HoldfastError `closed`
   * @throws TypeError if it is neither a token nor a function.
   */
  setToken(token: Token | undefined): void {
    this.#checkOpen();
    checkOptions('setToken', { token }, { token: TOKEN });
    this.#tokens.replace(token);
    if (this.#state === 'disconnected') return;
    // Nothing may happen in the name of a user who has signed out. An anonymous client moves without an interruption.
    if (this.welcome?.user === undefined) return this.#link.renew();
    void this.#link.stop(CLOSE_GRACE);
    this.#change('reconnecting', { reason: { code: 1000, message: 'another token' } });
    this.#link.start();
  }

  /**
   * Subscribes to a channel (`@me`: the user's own). Every message is delivered once and in order, across reconnects and
   * moves; lost messages are reported to `handlers.gap`. Without handlers the messages are read with `for await`.
   *
   * @typeParam T the type of the data, unless the client declares it.
   * @throws HoldfastError `closed` after {@link close}.
   * @throws TypeError for an unknown handler or option, or one of the wrong kind.
   */
  subscribe<T = Undeclared, Channel extends ChannelName<Channels> = ChannelName<Channels>>(
    channel: Channel,
    handlers: AnyHandlers<Data<Channels, Channel, NoInfer<T>>> = {},
    options: SubscriptionOptions = {},
  ): Subscription<Data<Channels, Channel, T>> {
    checkChannel(channel);
    // They may be an object of the application's that has other members.
    checkOptions('handlers', handlers, HANDLER_KINDS, true);
    checkOptions('options', options, SUBSCRIPTION_KINDS);
    if (handlers.message !== undefined && handlers.gap === undefined) {
      throw new TypeError('handlers.gap is required: it is called when messages were lost');
    }
    this.#checkOpen();
    return this.#topics.subscribe<Data<Channels, Channel, T>>(channel, handlers, options);
  }

  /**
   * Publishes, in the order of the calls per channel. Resolves to the publication's position once it is stored. It waits
   * for a connection, and is retried with the same key after retryable errors, for as long as the gateway remembers
   * keys (`welcome.keyWindow`, counted from the first attempt; before that, from now).
   *
   * Rejects with a {@link HoldfastError}: the gateway's own if it is not retryable, `unavailable` if the message was not
   * stored in that time, `unknown` if it may have been, `queue_full`, `closed`; and with a TypeError for data that JSON
   * would change.
   *
   * @typeParam T the type of the data, unless the client declares it.
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names it
  async publish<T = Undeclared, Channel extends ChannelName<Channels> = ChannelName<Channels>>(
    channel: Channel,
    data: Data<Channels, Channel, NoInfer<T>>,
    options: PublishOptions = {},
  ): Promise<Position> {
    checkChannel(channel);
    checkOptions('options', options, { key: KEY, traceparent: TRACEPARENT });
    this.#checkOpen();
    return this.#outbox.publish(channel, data, options.key ?? randomKey(), options.traceparent);
  }

  /** Reads the members of a channel. Rejects with a {@link HoldfastError}. */
  async presence(channel: ChannelName<Channels>): Promise<Members> {
    checkChannel(channel);
    this.#checkOpen();
    return this.#calls.ask('presence', { channel });
  }

  /** Reads the stored publications of a channel, and its current position. Rejects with a {@link HoldfastError}. */
  async history(channel: ChannelName<Channels>, options: Omit<HistoryRequest, 'channel'> = {}): Promise<HistoryReply> {
    checkChannel(channel);
    checkOptions('options', options, { since: POSITION, limit: COUNT, reverse: BOOLEAN });
    this.#checkOpen();
    return this.#calls.ask('history', { channel, ...options });
  }

  /**
   * Calls a handler of the application's own: a `@SubscribeMessage` in the gateway, or the backend. Resolves to what it
   * returns. Waits for a connection, and is sent at most once.
   *
   * Rejects with a {@link HoldfastError}: `refused` by the handler, with its `data`; `unknown_event`; `unavailable` if
   * nothing was done; `timeout` or `closed` if it was not sent in time; `unknown` if it was sent but not answered, so that
   * it may have been carried out; and with a TypeError for a name of the protocol, and data that JSON would change.
   *
   * @typeParam T the type of the result, unless the client declares it.
   */
  async call<T = Undeclared, Event extends CallName<Calls> = CallName<Calls>>(
    event: Event,
    ...[data]: CallData<Calls, Event>
  ): Promise<CallResult<Calls, Event, T>> {
    checkCall(event);
    this.#checkOpen();
    const reply = await this.#calls.call(event, data === undefined ? data : encode(data));
    return reply as CallResult<Calls, Event, T>;
  }

  /**
   * Ends all subscriptions and, with 1000, the connection. Waits up to 2 s for outstanding replies;
   * everything else is rejected with `closed`. Resolves when nothing is left running.
   */
  close(): Promise<void> {
    if (this.#state !== 'closed') this.#finish({ code: 1000, message: CLOSED });
    return (this.#closing ??= this.#link.stop(CLOSE_GRACE));
  }

  #start(): void {
    this.#check();
    this.#state = this.#wasConnected ? 'reconnecting' : 'connecting';
    this.#link.start();
  }

  #checkOpen(): void {
    if (this.#state === 'closed') throw closedError();
  }

  #up(current: Connection): void {
    const { welcome } = current;
    if (welcome === undefined) return;
    this.#wasConnected = true;
    this.#topics.attach(current);
    this.#outbox.flush(welcome.keyWindow);
    this.#calls.flush();
    if (this.#state !== 'connected') this.#change('connected', { welcome });
  }

  #finish(reason: CloseReason): void {
    const error = closedError(reason.message);
    const failure = reason.message === CLOSED ? undefined : error;
    this.#topics.end(error, failure);
    this.#outbox.close(error);
    this.#calls.close(error);
    this.#change('closed', { reason });
  }

  #change(state: State, detail: Omit<StateChange, 'state'>): void {
    this.#state = state;
    this.#reports.state({ state, ...detail });
  }
}

const CLOSED = 'closed by the application';

function closedError(why = CLOSED): HoldfastError {
  return new HoldfastError('closed', `the client is closed: ${why}`);
}

function globalWebSocket(): SocketConstructor {
  if (typeof WebSocket === 'undefined') throw new TypeError('there is no global WebSocket: pass the option WebSocket');
  return WebSocket;
}

/** Not crypto.randomUUID, which is missing in pages without TLS. React Native has no crypto; a key need not be secret. */
function randomKey(): string {
  const bytes = new Uint8Array(16).map(() => Math.random() * 256);
  if (typeof crypto !== 'undefined') crypto.getRandomValues(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
