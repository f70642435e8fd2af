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

/** A connection that says nothing for this long after a ping is dead, in ms. */
const PING_TIMEOUT = 5_000;

/** A visible page pings after this part of `welcome.ping`: its user waits for what a dead connection does not bring. */
const VISIBLE_SHARE = 0.6;

/** A user who returns to the page has the connection checked, unless it was heard within this time, in ms. */
const FRESH = 1_000;

/** A timer that fires this much too late, in ms, says that the page was frozen: what arrived meanwhile may still be queued. */
const LATE = 1_000;

/** How long the gateway may take to answer our close frame, in ms. */
const CLOSE_TIMEOUT = 1_000;

const NORMAL_CLOSURE = 1000;

/** Stands for a close without a close frame (RFC 6455, section 7.4.1). */
export const ABNORMAL_CLOSURE = 1006;

/** Why a connection ended: a close code, and its reason in words. */
export interface CloseReason {
  readonly code: number;
  readonly message: string;
}

type ChannelEvent = 'message' | 'join' | 'leave' | 'members' | 'gap' | 'unsubscribed';
export type ChannelFrame = { [E in ChannelEvent]: { readonly event: E; readonly data: Notices[E] } }[ChannelEvent];

/**
 * What becomes of a request. Called at the very frame, not a microtask later: some WebSockets hand over several frames
 * at once, and what follows a reply may depend on it.
 */
export interface Answer<Reply> {
  readonly done: (reply: Reply) => void;
  readonly failed: (error: HoldfastError) => void;
}

export interface ConnectionOwner {
  welcomed(connection: Connection): void;
  /** Told once, however it came; requests without an answer fail after it, with `disconnected`. */
  ended(connection: Connection, reason: CloseReason): void;
  /** `leaveBy` is set, or sooner than before. */
  toldToLeave(connection: Connection): void;
  /** The last request that was under way is answered. */
  idle(connection: Connection): void;
  /** The gateway refused what was no request of ours. */
  complained(error: HoldfastError): void;
}

export interface ConnectionOptions {
  readonly WebSocket: SocketConstructor;
  readonly url: string;
  readonly protocols: string[];
  /** Sent as soon as the socket is open, where the token could not be part of the upgrade. */
  readonly connect?: ConnectRequest | undefined;
  /** ms to wait for the welcome, and for each answer. */
  readonly timeout: number;
}

interface Pending {
  readonly answer: Answer<never>;
  readonly cancelTimeout: Cancel;
}

/** One socket: requests and their answers, notices, and a ping where the gateway is silent. */
export class Connection {
  welcome: Welcome | undefined;
  /** When the gateway wants us gone, on the clock of `performance.now()`. */
  leaveBy: number | undefined;
  /** Whether `leaveBy` is a wish: an overloaded gateway keeps whom nobody else takes. */
  mayStay = false;
  /** Who hears the notices of a channel. */
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

  /** @throws SyntaxError where the WebSocket refuses the URL or a protocol. */
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
            if (!this.#ended) this.#owner.complained(error);
          },
        });
      });
    }
    this.#socket.addEventListener('message', ({ data }) => {
      if (!this.#ended) this.#receive(data);
    });
    // Without a listener the package `ws` throws; the close event that follows tells what there is to know.
    this.#socket.addEventListener('error', () => {});
    this.#socketClosed = new Promise((resolve) => {
      this.#socket.addEventListener('close', ({ code, reason }) => {
        resolve();
        this.#end(code, reason === '' ? 'the connection broke' : reason);
      });
    });
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Sends a request whose data is `json`. A connection that has ended, and data that is too large, fail at once. */
  request<E extends RequestEvent>(event: E, json: string, answer: Answer<Requests[E]['reply']>): void {
    if (this.#ended) return answer.failed(disconnected());
    const id = ++this.#lastId;
    const frame = `{"event":"${event}","id":${id},"data":${json}}`;
    if (this.welcome !== undefined && isLarger(frame, this.welcome.maxPayload)) {
      return answer.failed(new HoldfastError('too_large', `more than the ${this.welcome.maxPayload} bytes of a frame`));
    }
    const cancelTimeout = after(this.#timeout, () => {
      const message = `no answer to "${event}" within ${this.#timeout} ms`;
      this.#settle(id, ({ failed }) => failed(new HoldfastError('timeout', message, { retryable: true })));
    });
    this.#pending.set(id, { answer, cancelTimeout });
    this.#socket.send(frame);
  }

  /**
   * Ends the connection with 1000, once what is under way is answered, but no later than in `grace` ms. Nothing that
   * arrives after that is handed over. Resolves when the socket is closed.
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
        if (frame.id === undefined) this.#owner.complained(fromGateway(frame.data));
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

  /** Gives up leaving, where the gateway lets us. Another time it may ask again. */
  stay(): void {
    this.leaveBy = undefined;
  }

  #leave({ within, reason }: Notices['reconnect']): void {
    const leaveBy = performance.now() + within;
    const mayStay = reason === 'overloaded';
    if (this.leaveBy !== undefined && (mayStay || (!this.mayStay && this.leaveBy <= leaveBy))) return;
    this.leaveBy = leaveBy;
    this.mayStay = mayStay;
    this.#owner.toldToLeave(this);
  }

  /** Pings after `ping` ms without a frame. One timer looks now and then: moving it at every frame would cost more. */
  #watch(ping: number): void {
    this.#cancelTimer();
    const silence = isVisible() ? ping * VISIBLE_SHARE : ping;
    const quiet = performance.now() - this.#heardAt;
    if (quiet < silence) this.#cancelTimer = after(silence - quiet, () => this.#watch(ping));
    else this.#probe(ping);
  }

  /** Pings now. No one waits for the reply: any frame is a sign of life. */
  #probe(ping: number): void {
    this.#cancelTimer();
    this.#isProbing = true;
    const askedAt = performance.now();
    const wait = Math.min(PING_TIMEOUT, this.#timeout);
    const judge = () => {
      if (this.#heardAt < askedAt) return this.#end(ABNORMAL_CLOSURE, 'the gateway fell silent');
      this.#isProbing = false;
      this.#watch(ping);
    };
    this.#socket.send(`{"event":"ping","id":${++this.#lastId}}`);
    this.#cancelTimer = after(wait, () => {
      if (performance.now() - askedAt > wait + LATE) this.#cancelTimer = after(LATE, judge);
      else judge();
    });
  }

  #settle(id: RequestId, tell: (answer: Answer<never>) => void): void {
    const pending = this.#pending.get(id);
    // What is not known here is a ping, or came too late.
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.cancelTimeout();
    tell(pending.answer);
    if (!this.isIdle || this.#ended) return;
    this.#becameIdle();
    this.#owner.idle(this);
  }

  #end(code: number, message: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#cancelOnReturn();
    // A browser waits long for the close frame of a peer that is gone, so the socket's own end is not waited for.
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

/** The gateway is trusted to follow its protocol; `undefined` is what cannot be one's. */
function parse(data: unknown): GatewayFrame | undefined {
  try {
    return (JSON.parse(data as string) as GatewayFrame | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function disconnected(): HoldfastError {
  return new HoldfastError('disconnected', 'the connection ended before the answer', { retryable: true });
}

/** UTF-8 takes 1 to 3 bytes for each unit of UTF-16, so that most texts need no counting. */
function isLarger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}
