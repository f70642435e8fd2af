import type {
  ConnectRequest,
  GatewayFrame,
  Json,
  Notices,
  RequestEvent,
  RequestId,
  Requests,
  Welcome,
} from '@holdfast/protocol';
import type { Log } from './debug.js';
import { fromGateway, HoldfastError } from './errors.js';
import { Liveness } from './liveness.js';
import type { SocketConstructor, SocketLike } from './socket.js';
import { after, Deferred, now, within, type Cancel } from './timers.js';

/** How long to wait for the gateway's close frame, in ms. */
const CLOSE_TIMEOUT = 1_000;

/** Node's WebSocket reports a failed connection by an error without a close. This is how long to wait for the close, in ms. */
const ERROR_TIMEOUT = 100;

/** Only if the application closes the connection: for the gateway this client has left. */
const NORMAL_CLOSURE = 1000;

/** For all other causes: the gateway waits for this client to come back. */
const GIVEN_UP = 4000;

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
  /** Sent as soon as the socket is open, if the token could not be sent with the upgrade. Its reply is the welcome. */
  readonly connect?: ConnectRequest | undefined;
  /** The time limit for the welcome, and for each reply, in ms. */
  readonly timeout: number;
  readonly log: Log;
}

interface Pending {
  readonly answer: Answer<never>;
  readonly cancelTimeout: Cancel;
}

/** One socket: requests and replies, events from the gateway, and a ping if the gateway is silent. */
export class Connection {
  welcome: Welcome | undefined;
  /** Until when the gateway asks us to leave, on the clock of {@link now}. */
  leaveBy: number | undefined;
  /** Whether leaving is optional: an overloaded gateway keeps clients that no other accepts. */
  mayStay = false;
  /** The handlers of each channel's events. */
  readonly routes = new Map<string, (frame: ChannelFrame) => void>();

  readonly #socket: SocketLike;
  readonly #owner: ConnectionOwner;
  readonly #timeout: number;
  readonly #pending = new Map<RequestId, Pending>();
  readonly #socketClosed = new Deferred<void>();
  readonly #awaitsReply: boolean;
  readonly #log: Log;
  #lastId = 0;
  #ended = false;
  #cancelWelcome: Cancel;
  #cancelError: Cancel = () => {};
  #becameIdle: () => void = () => {};
  /** Undefined until the welcome. */
  #liveness: Liveness | undefined;

  /** @throws SyntaxError if the WebSocket refuses the URL or a protocol. */
  constructor({ WebSocket, url, protocols, connect, timeout, log }: ConnectionOptions, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#timeout = timeout;
    this.#log = log;
    this.#awaitsReply = connect !== undefined;
    const socket = (this.#socket = new WebSocket(url, protocols));
    this.#cancelWelcome = after(timeout, () => this.#end(ABNORMAL_CLOSURE, `no welcome within ${timeout} ms`));

    socket.addEventListener('open', () => {
      if (this.#ended || connect === undefined) return;
      this.request('connect', JSON.stringify(connect), {
        done: (welcome) => this.#welcomed(welcome),
        failed: ({ code, message }) => {
          // The gateway closes the connection with the same code, but not after every error.
          this.#end(CODES[code] ?? ABNORMAL_CLOSURE, message);
        },
      });
    });
    socket.addEventListener('message', ({ data }) => {
      if (!this.#ended) this.#receive(data);
    });
    const broke = (code: number, reason: string) => this.#end(code, reason || 'the connection broke');
    socket.addEventListener('error', () => {
      this.#cancelError = after(ERROR_TIMEOUT, () => {
        this.#socketClosed.resolve();
        broke(ABNORMAL_CLOSURE, '');
      });
    });
    socket.addEventListener('close', ({ code, reason }) => {
      this.#cancelError();
      this.#socketClosed.resolve();
      broke(code, reason);
    });
  }

  /** Whether no request is outstanding. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Sends a request whose data is `json`. Fails at once if the connection has ended or the data is too large. */
  request<E extends RequestEvent>(event: E, json: string, answer: Answer<Requests[E]['reply']>): void;
  /** The same for an event of the application's own. */
  request(event: string, json: string | undefined, answer: Answer<Json>): void;
  request(event: string, json: string | undefined, answer: Answer<never>): void {
    if (this.#ended) return answer.failed(disconnected());
    const id = ++this.#lastId;
    const frame = `{"event":${JSON.stringify(event)},"id":${id}${json === undefined ? '' : `,"data":${json}`}}`;
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
    this.#log(`sent ${event} ${id}`);
    this.#socket.send(frame);
  }

  /**
   * Ends the connection with 1000, once all requests are answered, but after `grace` ms at the latest. Frames that
   * arrive later are ignored. Resolves when the socket is closed.
   */
  async close(grace = 0): Promise<void> {
    if (grace > 0 && !this.isIdle)
      await within(grace, new Promise<void>((resolve) => (this.#becameIdle = resolve)), () => {});
    this.#end(NORMAL_CLOSURE, 'closed by the client', NORMAL_CLOSURE);
    await within(CLOSE_TIMEOUT, this.#socketClosed.promise, () => {});
  }

  /** Ends the connection at once, so that another one can replace it. */
  giveUp(message: string): void {
    this.#end(ABNORMAL_CLOSURE, message);
  }

  #receive(data: unknown): void {
    this.#liveness?.heard();
    const frame = parse(data);
    if (frame === undefined) return this.#end(ABNORMAL_CLOSURE, NOT_A_GATEWAY);
    this.#log(`received ${frame.event}`);
    switch (frame.event) {
      case 'reply':
        return this.#settle(frame.id, ({ done }) => done(frame.data as never));
      case 'error':
        if (frame.id === undefined) this.#owner.errorReceived(fromGateway(frame.data));
        else this.#settle(frame.id, ({ failed }) => failed(fromGateway(frame.data)));
        return;
      case 'welcome':
        // The welcome of an anonymous client, from a gateway that expects no token.
        if (!this.#awaitsReply) this.#welcomed(frame.data);
        return;
      case 'reconnect':
        return this.#leave(frame.data);
      default:
        this.routes.get(frame.data.channel)?.(frame);
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#ended || this.welcome !== undefined) return;
    this.welcome = welcome;
    this.#cancelWelcome();
    this.#liveness = new Liveness({
      silence: welcome.ping,
      timeout: this.#timeout,
      // The reply is not awaited.
      ping: () => this.#socket.send(`{"event":"ping","id":${++this.#lastId}}`),
      dead: () => this.#end(ABNORMAL_CLOSURE, 'the gateway stopped responding'),
    });
    this.#owner.welcomed(this);
  }

  /** Stays on an overloaded gateway. It may ask again later. */
  stay(): void {
    this.leaveBy = undefined;
  }

  #leave({ within: ms, reason }: Notices['reconnect']): void {
    const leaveBy = now() + ms;
    const mayStay = reason === 'overloaded';
    if (this.leaveBy !== undefined && (mayStay || (!this.mayStay && this.leaveBy <= leaveBy))) return;
    this.leaveBy = leaveBy;
    this.mayStay = mayStay;
    this.#owner.askedToLeave(this);
  }

  /** Checks the path, unless it is known to work. */
  check(): void {
    this.#liveness?.check();
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

  #end(code: number, message: string, closeCode = GIVEN_UP): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelWelcome();
    this.#liveness?.stop();
    this.#log(`the connection ended with ${code}: ${message}`);
    // Does not wait for the socket's close event: browsers wait long for the close frame of a dead peer.
    this.#socket.close(closeCode);
    this.#owner.ended(this, { code, message });
    for (const { answer, cancelTimeout } of this.#pending.values()) {
      cancelTimeout();
      answer.failed(disconnected());
    }
    this.#pending.clear();
    this.#becameIdle();
  }
}

/** The close codes for errors in reply to `connect`. */
const CODES: Readonly<Record<string, number>> = { unauthorized: 4001, forbidden: 4003 };

const NOT_A_GATEWAY = 'this is not a Holdfast gateway: is the URL right?';

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

/** UTF-8 takes 1 to 3 bytes per UTF-16 code unit, so most texts need no encoding. Not TextEncoder, which React Native lacks. */
function isLarger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && encodeURIComponent(text).replace(/%../g, '%').length > bytes;
}
