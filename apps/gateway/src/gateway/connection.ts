import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  CLOSE,
  encodeError,
  encodeNotice,
  errorData,
  type CloseName,
  type ErrorCode,
  type ErrorData,
  type NoticeEvent,
  type Notices,
  type ReconnectReason,
  type RequestId,
} from '@holdfast/protocol';
import type { WebSocket } from 'ws';
import type { Identity } from '../auth/identity.js';
import type { ReplayBudget } from '../channels/replay-budget.js';
import type { Subscription } from '../channels/subscription.js';
import type { Config } from '../config/index.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Sender, Senders } from '../limits/senders.js';
import type { Backlog } from './backlog.js';
import type { Dispatcher } from './dispatcher.js';
import { LeakyBucket } from './leaky-bucket.js';
import { Intake } from './intake.js';
import { Lanes } from './lanes.js';
import type { Liveness } from './liveness.js';
import { Outbox } from './outbox.js';
import { currentRequest } from './request.js';
import type { Session } from './session.js';
import { tick, tickAfter } from './ticks.js';
import { PING_FRAME, pongFrame, textFrame } from './web-socket-frame.js';

/** A closing handshake that takes longer (a peer that reads nothing, say) ends without one. */
export const CLOSE_WITHIN_MS = 2_000;

/** What a frame that waits takes beside its bytes. */
const FRAME_OVERHEAD = 128;
/**
 * How long a connection may go on when its client has a newer one. Longer than the client library waits for an answer, so
 * that no move fails because of it.
 */
export const MOVE_WITHIN_MS = 15_000;

/** By what `ws` says was wrong: our code for it, and the close code of the RFC that `ws` has sent. */
const VIOLATIONS: Readonly<Record<string, { error: ErrorCode; close: number }>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: { error: 'too_large', close: CLOSE.tooBig.code },
  WS_ERR_TOO_MANY_BUFFERED_PARTS: { error: 'too_large', close: CLOSE.abuse.code },
  WS_ERR_INVALID_UTF8: { error: 'malformed', close: CLOSE.invalidText.code },
};
/** Any other violation of the framing (RFC 6455, section 7.4.1). */
const PROTOCOL_VIOLATION = { error: 'malformed', close: CLOSE.badFraming.code } as const;

/** What all connections of a gateway share. */
export interface ConnectionContext {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly dispatcher: Dispatcher;
  readonly backlog: Backlog;
  readonly senders: Senders;
  /** Connections that are not read because they, or their users, sent too much. */
  readonly throttled: Set<Connection>;
  /** Absent if the gateway sends no pings. */
  readonly liveness: Liveness | undefined;
  /** Called once, when nothing more can be sent or received. */
  closed(connection: Connection): void;
}

/**
 * One client's WebSocket, and what handlers see as `@ConnectedSocket()`. It has no timers of its own:
 * {@link Connections} calls {@link check} for all of them.
 */
export class Connection {
  /** Bound by Nest for this connection, in the order of the dispatcher's events. */
  readonly handlers: ((data: unknown, event: string) => Promise<unknown>)[] = [];
  readonly lanes = new Lanes();
  subscriptions: Map<string, Subscription> | undefined;
  /** What is replayed to it. */
  replays: ReplayBudget | undefined;
  /** The code of the close frame that the client sent, or 1006 where it sent none; 0 while open. */
  closeCode = 0;
  /** When its client proved who it is, by the broker's clock in ms since the Unix epoch; 0 before. */
  since = 0;
  /** What its client is counted by; undefined where addresses are not told apart. */
  address: string | undefined;
  /** The other connection of the same session, while its client moves from the one to the other. */
  sibling: Connection | undefined;
  /** The id of the newer connection of the same session, on any pod, to which its client moves. */
  replacedBy: string | undefined;
  /** Whether the census has counted it. */
  counted = false;
  /** What of it the pod's backlog has counted, in bytes. */
  noted = 0;
  /** What it counts for in the memory of the pod, in bytes. */
  held = 0;
  /** Where this connection stands in the list of all. */
  index = -1;

  private readonly outbox: Outbox;
  private disconnectHooks: ((reason: number) => void)[] | undefined;
  private readonly intake: Intake;
  private badFrames: LeakyBucket | undefined;
  private heldBack = 0;
  private closing = false;
  /** Whether it is to be read again from the next turn of the event loop. */
  private resuming = false;
  private throttled = false;
  /** Settles when it is read on, or has ended. */
  private reading: PromiseWithResolvers<void> | undefined;
  /** The tick of the last ping. */
  private pingedAt = 0;
  // Ticks at which something is due; 0 where there is none.
  /** When the gateway must have sent something, so that no proxy takes the connection for idle. */
  private speakBy: number;
  /** When the token ends; before there is one: when it must have come. */
  private expiry = 0;
  /** When the client is invited elsewhere because of the connection's age. */
  private moveAt = 0;
  /** When it is closed because it was invited elsewhere. */
  private leaveBy = 0;
  /** When it is closed because its client has moved. */
  private moveBy = 0;
  /** Until when it is not asked again to go elsewhere if it can. */
  private askedUntil = 0;

  constructor(
    /** Tells this connection from every other of every pod. */
    readonly id: string,
    public session: Session,
    /** Absent until the client has proved who it is. */
    public identity: Identity | undefined,
    private readonly webSocket: WebSocket,
    readonly socket: Duplex,
    private readonly context: ConnectionContext,
  ) {
    const { config } = context;
    this.outbox = new Outbox(webSocket, socket);
    this.intake = new Intake(config.limits, socket as Socket, this);
    this.speakBy = context.liveness === undefined ? 0 : tick() + context.liveness.pingAfter;
    if (identity === undefined) this.expiry = tickAfter(config.connection.authTimeout);
    else this.authenticated(identity);
    if (config.connection.maxAge > 0) {
      // Jitter keeps clients that came together from leaving together.
      this.moveAt = tickAfter(config.connection.maxAge * (0.8 + 0.2 * Math.random()));
    }
    connectionOf.set(webSocket, this);
    webSocket.on('message', onMessage).on('ping', onPing).on('pong', onPong).on('error', onError).on('close', onClose);
  }

  get client(): string {
    return this.session.client;
  }

  get user(): string | undefined {
    return this.identity?.user;
  }

  /** Whom it is counted for, with all other connections of the same user. */
  get sender(): Sender {
    return this.context.senders.of(this);
  }

  get open(): boolean {
    return !this.closing;
  }

  /** What a line of the log says of this connection. */
  get logFields(): { connection: string; user?: string } {
    return { connection: this.id, ...(this.user === undefined ? {} : { user: this.user }) };
  }

  /** Takes a new identity, whose expiry takes the place of the last one's. */
  authenticated(identity: Identity): void {
    this.identity = identity;
    this.intake.forgetSender();
    this.expiry = identity.expiresAt === undefined ? 0 : tickAfter(identity.expiresAt - performance.now());
  }

  /** Queues an encoded frame; beyond the byte budget the connection is closed, resumable. */
  send(frame: Buffer): void {
    if (this.closing) return;
    this.outbox.push(frame);
    if (this.outbox.isHeld) this.context.backlog.note(this);
    if (this.buffered > this.budget) this.relieve();
  }

  /** Counts frames that a subscription holds back, or with a negative number those that it does not any more. */
  holdBack(bytes: number): void {
    this.heldBack += bytes;
    if (bytes > 0) this.context.backlog.note(this);
    if (bytes > 0 && this.buffered > this.budget) this.relieve();
  }

  /**
   * Makes room where more waits than may: what the kernel takes, then what later frames supersede. A client that takes
   * still less than it is sent is closed, and resumes later.
   */
  private relieve(): void {
    if (this.closing) return;
    const { metrics } = this.context;
    this.outbox.flush();
    if (this.buffered <= this.budget) return;
    let conflated = this.outbox.conflate();
    for (const subscription of this.subscriptions?.values() ?? []) conflated += subscription.conflate();
    metrics.totals.conflated += conflated;
    if (this.buffered > this.budget) this.closeSlow();
  }

  /** Closes it because it takes less than it is sent; what waits is dropped, and it may resume. */
  closeSlow(): void {
    if (this.closing) return;
    this.context.metrics.slowConsumers.inc();
    this.outbox.clear();
    this.close('overloaded');
  }

  /** Writes what is queued before the turn of the event loop ends. */
  flush(): void {
    this.outbox.flush();
  }

  sendText(text: string): void {
    this.send(textFrame(text));
  }

  notify<E extends NoticeEvent>(event: E, data: Notices[E]): void {
    this.sendText(encodeNotice(event, data));
  }

  /** Calls `done` when the kernel has taken what is queued by now. Never called where the connection ends before. */
  whenWritten(done: () => void): void {
    this.outbox.whenWritten(done);
  }

  /** Bytes that wait for this client: what the kernel has not taken yet, and what its subscriptions hold back. */
  get buffered(): number {
    return this.outbox.bytes + this.heldBack;
  }

  /** The memory that waits for this client to read on, or to send on, in bytes. */
  get waitingBytes(): number {
    const frames = this.buffered + FRAME_OVERHEAD * this.outbox.waiting;
    return frames + (this.replays?.unsent ?? 0) + this.intake.unfinished;
  }

  /** How many bytes may wait; the part of a replay that is on its way has room of its own. */
  private get budget(): number {
    const { maxBuffered } = this.context.config.connection;
    return this.replays?.isBusy ? maxBuffered + this.replayRoom : maxBuffered;
  }

  /** How much of a replay may be on its way at once: live messages of other channels need room beside it. */
  get replayRoom(): number {
    return Math.min(this.socket.writableHighWaterMark, this.context.config.connection.maxBuffered / 2);
  }

  /** The part of {@link buffered} that is on its way. */
  get unwritten(): number {
    return this.outbox.bytes;
  }

  /** Answers a frame that is not a valid request, and closes the connection of a client that sends many of them. */
  refuseFrame(error: ErrorData, id?: RequestId): void {
    this.context.metrics.badFrames.inc({ code: error.code });
    this.sendText(encodeError(error, id));
    const { burst, perSecond } = this.context.config.connection.badFrames;
    this.badFrames ??= new LeakyBucket(burst, perSecond);
    if (!this.badFrames.add()) this.close('abuse');
  }

  /**
   * Tells the client to open another connection within so many ms; whoever is left then is closed. One that has not
   * proved who it is has nothing to take along, and is closed now.
   */
  inviteElsewhere(withinMs: number, reason: ReconnectReason): void {
    if (this.closing) return;
    if (this.identity === undefined) {
      this.close('restart');
      return;
    }
    this.notify('reconnect', { within: withinMs, reason });
    this.moveAt = 0;
    this.leaveBy = tickAfter(withinMs);
  }

  /** Lets the client move to a newer connection of its session; this one is closed when that takes too long. */
  replace(newer: string): void {
    if (this.replacedBy !== undefined) return;
    this.replacedBy = newer;
    this.moveBy = tickAfter(MOVE_WITHIN_MS);
  }

  /** The newer connection has gone first, so that the client is back on this one. */
  keep(): void {
    this.replacedBy = undefined;
    this.moveBy = 0;
  }

  /** Asks the client to open another connection if it can; it may stay as well. @returns whether it was asked. */
  askElsewhere(withinMs: number): boolean {
    const now = tick();
    if (this.closing || this.identity === undefined || this.leaveBy !== 0 || now < this.askedUntil) return false;
    this.askedUntil = tickAfter(withinMs);
    this.notify('reconnect', { within: withinMs, reason: 'overloaded' });
    return true;
  }

  /** Flushes what is queued and begins the closing handshake. */
  close(name: CloseName): void {
    if (this.closing) return;
    this.outbox.finish();
    this.closing = true;
    const { code, reason } = CLOSE[name];
    this.context.metrics.closes.inc({ code });
    this.webSocket.close(code, reason);
    // The client's part of the handshake must be read.
    this.webSocket.resume();
  }

  /** Stops reading, so that TCP holds back a client that asks faster than it can be answered. */
  pause(): void {
    this.webSocket.pause();
  }

  /**
   * Reads on in the next turn of the event loop. Sooner, a client that sends without end would be read on and on in this
   * one, and what it caused would wait for the end of it.
   */
  resumeSoon(): void {
    if (!this.webSocket.isPaused || this.resuming) return;
    this.resuming = true;
    setImmediate(resume, this);
  }

  /** @internal */
  resume(): void {
    this.resuming = false;
    if (!this.webSocket.isPaused || this.throttled) return;
    this.webSocket.resume();
  }

  onDisconnect(hook: (reason: number) => void): void {
    (this.disconnectHooks ??= []).push(hook);
  }

  /** Where Nest's exception filters report what a handler threw. */
  emit(event: string, exception: unknown): void {
    if (event === 'exception') currentRequest.getStore()?.refuse(exception);
  }

  /**
   * Does what is due.
   *
   * @param now the present tick.
   * @param readUntil a tick: whatever arrived before it has been read.
   */
  check(now: number, readUntil: number): void {
    if (this.closing) return;
    const due = (at: number): boolean => at !== 0 && now >= at;
    if (due(this.expiry)) {
      this.close('unauthorized');
    } else if (due(this.moveBy)) {
      this.close('replaced');
    } else if (due(this.leaveBy)) {
      this.close('restart');
    } else {
      if (due(this.moveAt)) this.inviteElsewhere(this.context.config.drain.window, 'age');
      if (!this.throttled) this.throttle();
      this.intake.look();
      this.context.backlog.note(this);
      this.watch(now, readUntil);
    }
  }

  /**
   * Pings a peer that has been silent, and ends the connection of one that does not answer. Any byte is a sign of life, and
   * so is room that a full socket gets: the peer's machine took something.
   */
  private watch(now: number, readUntil: number): void {
    const { liveness, metrics } = this.context;
    if (liveness === undefined || this.closing) return;
    // A peer that is not read is not silent.
    if (this.webSocket.isPaused) this.intake.heardAt = now;
    const heardAt = Math.max(this.intake.heardAt, this.outbox.drainedAt);
    if (now - heardAt < liveness.pingAfter) {
      this.keepOpen(now, liveness);
    } else if (this.pingedAt <= heardAt) {
      this.pingedAt = now;
      this.outbox.pushControl(PING_FRAME);
    } else if (readUntil - this.pingedAt >= liveness.pongWithin) {
      // Not `now`: after a stall of this process the answer may be there, and not be read yet.
      metrics.deadPeers.inc();
      this.webSocket.terminate();
    }
  }

  /** A peer may talk and be sent nothing in return: proxies cut what looks idle to them in one direction. */
  private keepOpen(now: number, { pingAfter }: Liveness): void {
    if (now < this.speakBy) return;
    this.speakBy = now + pingAfter;
    if (this.outbox.takeQuiet()) this.outbox.pushControl(PING_FRAME);
  }

  /**
   * Stops reading while too many bytes have come, whatever they are (a frame that never ends, say), or while its user has
   * sent too much on all connections together.
   */
  private throttle(): void {
    const limit = this.intake.takeBytes();
    if (limit === undefined) return;
    this.throttled = true;
    this.context.throttled.add(this);
    this.context.metrics.limited.inc({ limit });
    this.pause();
  }

  /**
   * Reads on if that is allowed again.
   *
   * @param now the present tick.
   */
  unthrottle(now: number): void {
    if (this.closing || !this.intake.mayResume(now)) return;
    this.throttled = false;
    this.context.throttled.delete(this);
    this.resume();
    this.reading?.resolve();
    this.reading = undefined;
  }

  /** Counts something that this client caused and that costs the CPU as much as so many frames. */
  charge(frames: number): void {
    this.intake.charge(frames);
    if (!this.throttled && !this.closing) this.throttle();
  }

  /** Whether it is not read because it, or its user, sent too much. */
  get isThrottled(): boolean {
    return this.throttled;
  }

  /** Settles when it is read on, or has ended. */
  get readOn(): Promise<void> {
    return (this.reading ??= Promise.withResolvers()).promise;
  }

  /** @returns whether a frame that came is within the rate. Who sends many beyond it is closed. */
  private takeIn(): boolean {
    if (this.closing) return false;
    if (!this.throttled) this.throttle();
    if (this.intake.takeFrame()) return true;
    this.context.metrics.limited.inc({ limit: 'frames' });
    if (!this.intake.takeExcess()) this.close('abuse');
    return false;
  }

  /** @internal */
  receive(data: Buffer, isBinary: boolean): void {
    const within = this.takeIn();
    if (this.closing) return;
    if (isBinary) this.refuseFrame(errorData('binary_unsupported'));
    else this.context.dispatcher.receive(this, data.toString(), within);
  }

  /** @internal */
  heard(): void {
    this.takeIn();
  }

  /** @internal */
  answerPing(payload: Buffer): void {
    if (this.takeIn()) this.send(pongFrame(payload));
  }

  /** `ws` has sent the close frame that the RFC asks for by now: nothing may follow it. @internal */
  failed({ code = '' }: Error & { code?: string }): void {
    this.outbox.clear();
    if (!this.closing && code.startsWith('WS_ERR_')) {
      const { error, close } = VIOLATIONS[code] ?? PROTOCOL_VIOLATION;
      this.context.metrics.badFrames.inc({ code: error });
      this.context.metrics.closes.inc({ code: close });
    }
    this.closing = true;
  }

  /** @internal */
  ended(code: number): void {
    this.closing = true;
    this.closeCode = code;
    this.context.throttled.delete(this);
    this.reading?.resolve();
    this.outbox.clear();
    this.replays?.end();
    this.context.backlog.forget(this);
    for (const hook of this.disconnectHooks ?? []) hook(code);
    this.context.closed(this);
  }
}

// Shared listeners and one map in place of closures: a closure for each event of each connection costs 64 bytes.
const connectionOf = new WeakMap<WebSocket, Connection>();

function resume(connection: Connection): void {
  connection.resume();
}

function onMessage(this: WebSocket, data: Buffer | ArrayBuffer | Buffer[], isBinary: boolean): void {
  // `binaryType` is left at 'nodebuffer', for which ws gives a Buffer and nothing else.
  if (Buffer.isBuffer(data)) connectionOf.get(this)?.receive(data, isBinary);
}

function onPing(this: WebSocket, payload: Buffer): void {
  connectionOf.get(this)?.answerPing(payload);
}

function onPong(this: WebSocket): void {
  connectionOf.get(this)?.heard();
}

function onError(this: WebSocket, error: Error): void {
  connectionOf.get(this)?.failed(error);
}

function onClose(this: WebSocket, code: number): void {
  connectionOf.get(this)?.ended(code);
}
