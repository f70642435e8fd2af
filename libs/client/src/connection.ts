import type {
  ConnectRequest,
  GatewayFrame,
  Notices,
  RequestEvent,
  RequestId,
  Requests,
  Welcome,
} from '@holdfast/protocol';
import { fromGateway, HoldfastError } from './errors.js';
import { isVisible, onReturn } from './page.js';
import type { SocketConstructor, SocketLike } from './socket.js';
import { after, atMost, type Cancel } from './timers.js';

/** A connection that receives nothing for this long after a ping is dead, in ms. */
const PING_TIMEOUT = 5_000;

/** A visible page pings after this part of `welcome.ping`, because its user notices missing messages. */
const VISIBLE_SHARE = 0.6;

/** When the user returns to the page, the connection is checked unless it received something within this time, in ms. */
const FRESH = 1_000;

/** If a timer fires this much too late, in ms, the page was frozen, and received frames may still be queued. */
const LATE = 1_000;

/** How long to wait for the gateway's close frame, in ms. */
const CLOSE_TIMEOUT = 1_000;

const NORMAL_CLOSURE = 1000;

/** The code for a close without a close frame (RFC 6455, section 7.4.1). */
export const ABNORMAL_CLOSURE = 1006;

/** Why a connection ended: a close code and a message. */
export interface CloseReason {
  readonly code: number;
  readonly message: string;
}

type ChannelEvent = 'message' | 'join' | 'leave' | 'members' | 'gap' | 'unsubscribed';
export type ChannelFrame = { [E in ChannelEvent]: { readonly event: E; readonly data: Notices[E] } }[ChannelEvent];

/**
 * Callbacks for the outcome of a request. Not a promise: some WebSockets deliver several frames in one task, and a reply
 * must be handled before the frame that follows it.
 */
export interface Answer<Reply> {
  readonly done: (reply: Reply) => void;
  readonly failed: (error: HoldfastError) => void;
}

export interface ConnectionOwner {
  welcomed(connection: Connection): void;
  /** Called once, for any cause; unanswered requests fail afterwards, with `disconnected`. */
  ended(connection: Connection, reason: CloseReason): void;
  /** `leaveBy` was set, or moved forward. */
  askedToLeave(connection: Connection): void;
  /** The last outstanding request was answered. */
  idle(connection: Connection): void;
  /** The gateway sent an error that does not belong to a request. */
  errorReceived(error: HoldfastError): void;
}

export interface ConnectionOptions {
  readonly WebSocket: SocketConstructor;
  readonly url: string;
  readonly protocols: string[];
  /** Sent as soon as the socket is open, if the token could not be sent with the upgrade. */
  readonly connect?: ConnectRequest | undefined;
  /** The time limit for the welcome, and for each reply, in ms. */
  readonly timeout: number;
}

interface Pending {
  readonly answer: Answer<never>;
  readonly cancelTimeout: Cancel;
}

/** One socket: requests and replies, events from the gateway, and a ping if the gateway is silent. */
export class Connection {
  welcome: Welcome | undefined;
  /** Until when the gateway asks us to leave, on the clock of `performance.now()`. */
  leaveBy: number | undefined;
  /** Whether leaving is optional: an overloaded gateway keeps clients that no other accepts. */
  mayStay = false;
  /** The handlers of each channel's events. */
  readonly routes = new Map<string, (frame: ChannelFrame) => void>();

  readonly #socket: SocketLike;
  readonly #owner: ConnectionOwner;
  readonly #timeout: number;
  readonly #pending = new Map<RequestId, Pending>();
  readonly #socketClosed: Promise<void>;
  #lastId = 0;
  #heardAt = 0;
  #ended = false;
  #cancelTimer: Cancel;
  #cancelOnReturn: Cancel = () => {};
  #isProbing = false;
  #becameIdle: () => void = () => {};

  /** @throws SyntaxError if the WebSocket refuses the URL or a protocol. */
  constructor({ WebSocket, url, protocols, connect, timeout }: ConnectionOptions, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#timeout = timeout;
    this.#socket = new WebSocket(url, protocols);
    this.#cancelTimer = after(timeout, () => this.#end(ABNORMAL_CLOSURE, `no welcome within ${timeout} ms`));

    if (connect !== undefined) {
      this.#socket.addEventListener('open', () => {
        if (this.#ended) return;
        this.request('connect', JSON.stringify(connect), {
          done: (welcome) => this.#welcomed(welcome),
          failed: (error) => {
            if (!this.#ended) this.#owner.errorReceived(error);
          },
        });
      });
    }
    this.#socket.addEventListener('message', ({ data }) => {
      if (!this.#ended) this.#receive(data);
    });
    // Without a listener the package `ws` throws. The close event that follows has all the information.
    this.#socket.addEventListener('error', () => {});
    this.#socketClosed = new Promise((resolve) => {
      this.#socket.addEventListener('close', ({ code, reason }) => {
        resolve();
        this.#end(code, reason === '' ? 'the connection broke' : reason);
      });
    });
  }

  /** Whether no request is outstanding. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Sends a request whose data is `json`. Fails at once if the connection has ended or the data is too large. */
  request<E extends RequestEvent>(event: E, json: string, answer: Answer<Requests[E]['reply']>): void {
    if (this.#ended) return answer.failed(disconnected());
    const id = ++this.#lastId;
    const frame = `{"event":"${event}","id":${id},"data":${json}}`;
    if (this.welcome !== undefined && isLarger(frame, this.welcome.maxPayload)) {
      return answer.failed(
        new HoldfastError('too_large', `larger than the maximum of ${this.welcome.maxPayload} bytes per frame`),
      );
    }
    const cancelTimeout = after(this.#timeout, () => {
      const message = `no answer to "${event}" within ${this.#timeout} ms`;
      this.#settle(id, ({ failed }) => failed(new HoldfastError('timeout', message, { retryable: true })));
    });
    this.#pending.set(id, { answer, cancelTimeout });
    this.#socket.send(frame);
  }

  /**
   * Ends the connection with 1000, once all requests are answered, but after `grace` ms at the latest. Frames that
   * arrive later are ignored. Resolves when the socket is closed.
   */
  async close(grace = 0): Promise<void> {
    if (grace > 0 && !this.isIdle) await atMost(grace, new Promise<void>((resolve) => (this.#becameIdle = resolve)));
    this.#end(NORMAL_CLOSURE, 'closed by the client');
    await atMost(CLOSE_TIMEOUT, this.#socketClosed);
  }

  #receive(data: unknown): void {
    this.#heardAt = performance.now();
    const frame = parse(data);
    if (frame === undefined) return this.#end(ABNORMAL_CLOSURE, 'this is not a Holdfast gateway');
    switch (frame.event) {
      case 'reply':
        return this.#settle(frame.id, ({ done }) => done(frame.data as never));
      case 'error':
        if (frame.id === undefined) this.#owner.errorReceived(fromGateway(frame.data));
        else this.#settle(frame.id, ({ failed }) => failed(fromGateway(frame.data)));
        return;
      case 'welcome':
        return this.#welcomed(frame.data);
      case 'reconnect':
        return this.#leave(frame.data);
      default:
        this.routes.get(frame.data.channel)?.(frame);
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#ended || this.welcome !== undefined) return;
    this.welcome = welcome;
    this.#watch(welcome.ping);
    this.#cancelOnReturn = onReturn(() => {
      if (this.#isProbing) return;
      if (performance.now() - this.#heardAt < FRESH) this.#watch(welcome.ping);
      else this.#probe(welcome.ping);
    });
    this.#owner.welcomed(this);
  }

  /** Stays on an overloaded gateway. It may ask again later. */
  stay(): void {
    this.leaveBy = undefined;
  }

  #leave({ within, reason }: Notices['reconnect']): void {
    const leaveBy = performance.now() + within;
    const mayStay = reason === 'overloaded';
    if (this.leaveBy !== undefined && (mayStay || (!this.mayStay && this.leaveBy <= leaveBy))) return;
    this.leaveBy = leaveBy;
    this.mayStay = mayStay;
    this.#owner.askedToLeave(this);
  }

  /** Pings after `ping` ms without a frame. The timer is only rescheduled when it fires: doing so at every frame would cost more. */
  #watch(ping: number): void {
    this.#cancelTimer();
    const silence = isVisible() ? ping * VISIBLE_SHARE : ping;
    const quiet = performance.now() - this.#heardAt;
    if (quiet < silence) this.#cancelTimer = after(silence - quiet, () => this.#watch(ping));
    else this.#probe(ping);
  }

  /** Pings now. The reply is not awaited, because any frame is a sign of life. */
  #probe(ping: number): void {
    this.#cancelTimer();
    this.#isProbing = true;
    const askedAt = performance.now();
    const wait = Math.min(PING_TIMEOUT, this.#timeout);
    const judge = () => {
      if (this.#heardAt < askedAt) return this.#end(ABNORMAL_CLOSURE, 'the gateway stopped responding');
      this.#isProbing = false;
      this.#watch(ping);
    };
    this.#socket.send(`{"event":"ping","id":${++this.#lastId}}`);
    this.#cancelTimer = after(wait, () => {
      if (performance.now() - askedAt > wait + LATE) this.#cancelTimer = after(LATE, judge);
      else judge();
    });
  }

  #settle(id: RequestId, settle: (answer: Answer<never>) => void): void {
    const pending = this.#pending.get(id);
    // An unknown id belongs to a ping, or to a request that timed out.
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.cancelTimeout();
    settle(pending.answer);
    if (!this.isIdle || this.#ended) return;
    this.#becameIdle();
    this.#owner.idle(this);
  }

  #end(code: number, message: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#cancelOnReturn();
    // Does not wait for the socket's close event: browsers wait long for the close frame of a dead peer.
    this.#socket.close(NORMAL_CLOSURE);
    this.#owner.ended(this, { code, message });
    for (const { answer, cancelTimeout } of this.#pending.values()) {
      cancelTimeout();
      answer.failed(disconnected());
    }
    this.#pending.clear();
    this.#becameIdle();
  }
}

/** Returns `undefined` for input that cannot come from a gateway. A gateway is trusted to follow its protocol. */
function parse(data: unknown): GatewayFrame | undefined {
  try {
    return (JSON.parse(data as string) as GatewayFrame | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function disconnected(): HoldfastError {
  return new HoldfastError('disconnected', 'the connection ended before the reply', { retryable: true });
}

/** UTF-8 takes 1 to 3 bytes per UTF-16 code unit, so most texts need no encoding. */
function isLarger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}
