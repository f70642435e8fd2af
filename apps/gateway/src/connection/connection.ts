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
import type { Config } from '../config/index.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Sender, Senders } from '../limits/senders.js';
import type { Backlog } from './backlog.js';
import type { FlushSchedule } from './flush-schedule.js';
import { LeakyBucket } from '../limits/leaky-bucket.js';
import { InboundLimits } from './inbound-limits.js';
import { KeyedQueues } from './keyed-queues.js';
import type { LatestKeys } from './latest-keys.js';
import type { Liveness } from './liveness.js';
import { Outbox, type FrameJoiner } from './outbox.js';
import type { MessageInflater } from './permessage-deflate.js';
import { currentRequest } from './request.js';
import type { Session } from '../auth/session.js';
import { tick, tickAfter, TICK_MS } from '../limits/ticks.js';
import { PING_FRAME, pongFrame, textFrame } from './web-socket-frame.js';

/** A closing handshake that takes longer (because the peer reads nothing, for example) is cut short. */
export const CLOSE_WITHIN_MS = 2_000;

/** What a waiting frame takes besides its bytes. */
const FRAME_OVERHEAD = 128;
/**
 * How long a connection may continue when its client has a newer one. Longer than the client library waits for an
 * answer, so that no move fails because of it.
 */
export const MOVE_WITHIN_MS = 15_000;

/** For an error code of `ws` or zlib: our error code, and the close code that `ws` has sent as the RFC requires. */
const VIOLATIONS: Readonly<Record<string, { error: ErrorCode; close: number }>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: { error: 'too_large', close: CLOSE.tooBig.code },
  WS_ERR_TOO_MANY_BUFFERED_PARTS: { error: 'too_large', close: CLOSE.abuse.code },
  WS_ERR_INVALID_UTF8: { error: 'malformed', close: CLOSE.invalidText.code },
  // A compressed message that is not.
  Z_DATA_ERROR: { error: 'malformed', close: CLOSE.invalidText.code },
};
/** Any other violation of the framing (RFC 6455, section 7.4.1). */
const PROTOCOL_VIOLATION = { error: 'malformed', close: CLOSE.badFraming.code } as const;

/** What a connection knows of the channels that its client is subscribed to. */
export interface ConnectionChannels {
  /** Whether part of a replay is in transit: it has room of its own, in addition to the limit. */
  readonly isReplaying: boolean;
  /** Bytes of replays that were read from the broker and wait to be sent. */
  readonly unsentReplay: number;
  /** Drops frames that wait and that a later one supersedes. @returns how many. */
  conflate(): number;
  /** Called once, when the connection has ended. */
  end(): void;
}

/** Handles the frames that a client sends. */
export interface FrameReceiver {
  /** @param within whether the frame is within its connection's rate. */
  receive(connection: Connection, text: string, within: boolean): void;
}

/** What all connections of a gateway share. */
export interface ConnectionContext {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly dispatcher: FrameReceiver;
  readonly backlog: Backlog<Connection>;
  readonly senders: Senders;
  /** Connections that are not read because they, or their users, sent too much. */
  readonly throttled: Set<Connection>;
  /** Absent if the gateway sends no pings. */
  readonly liveness: Liveness | undefined;
  readonly flushes: FlushSchedule;
  readonly joiner: FrameJoiner;
  /** For connections with compression: in one channel their frames are different ones. */
  readonly compressedJoiner: FrameJoiner;
  readonly inflater: MessageInflater;
  /** Called once, when nothing more can be sent or received. */
  closed(connection: Connection): void;
}

/**
 * One client's WebSocket, and what handlers get as `@ConnectedSocket()`. It has no timers of its own: {@link
 * Connections} calls {@link check} for all of them.
 */
export class Connection {
  /** Bound by Nest for this connection, in the order of the dispatcher's events. */
  readonly handlers: ((data: unknown, event: string) => Promise<unknown>)[] = [];
  readonly requests = new KeyedQueues();
  /** Undefined until the first publish with a key. */
  published: LatestKeys | undefined;
  /** Undefined until the first subscribe. */
  channels: ConnectionChannels | undefined;
  /** The code of the client's close frame, or 1006 if it sent none; 0 while open. */
  closeCode = 0;
  /** When its client proved its identity, by the broker's clock in ms since the Unix epoch; 0 before. */
  since = 0;
  /** What its client is counted by; undefined if addresses are not told apart. */
  address: string | undefined;
  /** The other connection of the same session, while its client moves from one to the other. */
  sibling: Connection | undefined;
  /** The id of the newer connection of the same session, on any pod, to which its client moves. */
  replacedBy: string | undefined;
  /** Whether the client counter has counted it. */
  counted = false;
  /** How much of it the pod's backlog has counted, in bytes. */
  noted = 0;
  /** What it counts for in the pod's memory, in bytes. */
  held = 0;
  /** Its index in the list of all connections. */
  index = -1;

  private readonly openedAt = tick();
  private readonly outbox: Outbox;
  private disconnectHooks: ((reason: number) => void)[] | undefined;
  private readonly inbound: InboundLimits;
  private badFrames: LeakyBucket | undefined;
  private heldBack = 0;
  private closing = false;
  /** Whether reading resumes in the next turn of the event loop. */
  private resuming = false;
  /** Whether reading is paused because the client, or its user, sent too much. */
  private throttled = false;
  /** Settles when reading resumes, or the connection has ended. */
  private reading: PromiseWithResolvers<void> | undefined;
  /** The tick of the last ping. */
  private pingedAt = 0;
  // Ticks at which something is due; 0 if nothing is.
  /** By when the gateway must have sent something, so that no proxy considers the connection idle. */
  private speakBy: number;
  /** When the token expires. Before there is one: by when it must have arrived. */
  private expiry = 0;
  /** When the client is asked to reconnect because of the connection's age. */
  private moveAt = 0;
  /** When it is closed after its client was asked to reconnect. */
  private leaveBy = 0;
  /** When it is closed because its client has moved. */
  private moveBy = 0;
  /** Until when its client is not asked again to reconnect if it can. */
  private askedUntil = 0;

  constructor(
    /** Unique among all connections of all pods. */
    readonly id: string,
    public session: Session,
    /** Absent until the client has proven its identity. */
    public identity: Identity | undefined,
    private readonly webSocket: WebSocket,
    readonly socket: Duplex,
    private readonly context: ConnectionContext,
    /** Whether frames may be compressed, in both directions. */
    readonly compresses = false,
  ) {
    const { config } = context;
    this.outbox = new Outbox(
      webSocket,
      socket,
      context.flushes,
      compresses ? context.compressedJoiner : context.joiner,
    );
    if (compresses) context.inflater.serve(webSocket, this);
    this.inbound = new InboundLimits(config.limits, socket as Socket, this);
    this.speakBy = context.liveness === undefined ? 0 : tick() + context.liveness.pingAfter;
    if (identity === undefined) this.expiry = tickAfter(config.connection.authTimeout);
    else this.authenticated(identity);
    if (config.connection.maxAge > 0) {
      // Jitter, so that clients that came together do not leave together.
      this.moveAt = tickAfter(config.connection.maxAge * (0.8 + 0.2 * Math.random()));
    }
    (webSocket as OwnedSocket)[CONNECTION] = this;
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

  /** How long it has been open, in ms. */
  get age(): number {
    return (tick() - this.openedAt) * TICK_MS;
  }

  /** The subprotocol that was agreed on; empty for a plain client. */
  get protocol(): string {
    return this.webSocket.protocol;
  }

  /** The address of the other end of the TCP connection. */
  get peer(): string | undefined {
    return (this.socket as Partial<Socket>).remoteAddress;
  }

  get open(): boolean {
    return !this.closing;
  }

  /** The fields by which log lines identify this connection. */
  get logFields(): { connection: string; user: string | undefined } {
    return { connection: this.id, user: this.user };
  }

  /** Takes a new identity. Its expiry replaces the previous one. */
  authenticated(identity: Identity): void {
    this.identity = identity;
    this.inbound.forgetSender();
    this.expiry = identity.expiresAt === undefined ? 0 : tickAfter(identity.expiresAt - performance.now());
  }

  /** Queues an encoded frame. Beyond the byte budget the connection is closed, and the client may resume. */
  send(frame: Buffer): void {
    if (this.closing) return;
    this.outbox.push(frame);
    if (this.outbox.isHeld) this.context.backlog.note(this);
    if (this.isOverBudget) this.relieve();
  }

  /** Counts frames that a subscription holds back or, if negative, no longer holds back. */
  holdBack(bytes: number): void {
    this.heldBack += bytes;
    if (bytes > 0) this.context.backlog.note(this);
    if (bytes > 0 && this.isOverBudget) this.relieve();
  }

  /**
   * Makes room when too much waits: first by flushing to the kernel, then by dropping superseded frames. If the client
   * still takes less than it is sent, the connection is closed, and it resumes later.
   */
  private relieve(): void {
    if (this.closing) return;
    const { metrics } = this.context;
    this.outbox.flush();
    if (!this.isOverBudget) return;
    metrics.totals.conflated += this.outbox.conflate() + (this.channels?.conflate() ?? 0);
    if (this.isOverBudget) this.closeSlow();
  }

  /** Closes the connection of a client that reads too slowly. What waits is dropped, and the client may resume. */
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

  /** Calls `done` when the kernel has taken everything queued so far. Never called if the connection ends first. */
  whenWritten(done: () => void): void {
    this.outbox.whenWritten(done);
  }

  /** Bytes waiting for this client: what the kernel has not taken yet, and what its subscriptions hold back. */
  get buffered(): number {
    return this.outbox.bytes + this.heldBack;
  }

  /** The memory that waits for this client to read or to continue sending, in bytes. */
  get waitingBytes(): number {
    const frames = this.buffered + FRAME_OVERHEAD * this.outbox.waiting;
    return frames + (this.channels?.unsentReplay ?? 0) + this.inbound.unfinished;
  }

  /** Whether more bytes wait than allowed. The part of a replay in transit has room of its own. */
  private get isOverBudget(): boolean {
    const excess = this.buffered - this.context.config.connection.maxBuffered;
    return excess > 0 && !(this.channels?.isReplaying && excess <= this.replayRoom);
  }

  /** How much of a replay may be in transit at once: live messages of other channels need room as well. */
  get replayRoom(): number {
    return Math.min(this.socket.writableHighWaterMark, this.context.config.connection.maxBuffered / 2);
  }

  /** The part of {@link buffered} that is in transit. */
  get unwritten(): number {
    return this.outbox.bytes;
  }

  /** Answers a frame that is not a valid request. A client that sends many of them is closed. */
  refuseFrame(error: ErrorData, id?: RequestId): void {
    this.context.metrics.badFrames.inc({ code: error.code });
    this.sendText(encodeError(error, id));
    const { burst, perSecond } = this.context.config.connection.badFrames;
    this.badFrames ??= new LeakyBucket(burst, perSecond);
    if (!this.badFrames.add()) this.close('abuse');
  }

  /**
   * Asks the client to open another connection within the given time, and closes this one afterwards. A client that has
   * not proven its identity has nothing to take along, and is closed at once.
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

  /** Lets the client move to a newer connection of its session. This one is closed if that takes too long. */
  replace(newer: string): void {
    if (this.replacedBy !== undefined) return;
    this.replacedBy = newer;
    this.moveBy = tickAfter(MOVE_WITHIN_MS);
  }

  /** The newer connection has ended first, so the client is back on this one. */
  keep(): void {
    this.replacedBy = undefined;
    this.moveBy = 0;
  }

  /**
   * Asks the client to open another connection if it can. It may also stay.
   *
   * @returns whether it was asked.
   */
  askElsewhere(withinMs: number): boolean {
    const now = tick();
    if (this.closing || this.identity === undefined || this.leaveBy !== 0 || now < this.askedUntil) return false;
    this.askedUntil = tickAfter(withinMs);
    this.notify('reconnect', { within: withinMs, reason: 'overloaded' });
    return true;
  }

  /** Flushes what is queued and starts the closing handshake. */
  close(name: CloseName): void {
    if (this.closing) return;
    this.outbox.finish();
    this.closing = true;
    const { code, reason } = CLOSE[name];
    this.context.metrics.closes.inc({ code });
    this.webSocket.close(code, reason);
    // The client's part of the handshake must be read.
    this.webSocket.resume();
    this.settleReading();
  }

  /** Stops reading. TCP then slows down a client that asks faster than it can be answered. */
  pause(): void {
    this.webSocket.pause();
  }

  /**
   * Resumes reading in the next turn of the event loop. Sooner, a client that never stops sending would be read again
   * and again within this turn, and everything it caused would have to wait for the turn's end.
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
    this.settleReading();
  }

  private settleReading(): void {
    this.reading?.resolve();
    this.reading = undefined;
  }

  /** For gateways of the user's own, which Nest calls. */
  onDisconnect(hook: (reason: number) => void): void {
    (this.disconnectHooks ??= []).push(hook);
  }

  /** Nest's exception filters report here what a handler threw. */
  emit(event: string, exception: unknown): void {
    if (event === 'exception') currentRequest.getStore()?.refuse(exception);
  }

  /**
   * Does whatever is due.
   *
   * @param now the current tick.
   * @param readUntil a tick: everything that arrived before it has been read.
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
      this.inbound.look();
      this.context.backlog.note(this);
      this.watch(now, readUntil);
    }
  }

  /**
   * Pings a silent peer, and closes the connection if there is no answer. Any byte is a sign of life, and so is a full
   * socket that gets room: the peer's machine has taken something.
   */
  private watch(now: number, readUntil: number): void {
    const { liveness, metrics } = this.context;
    if (liveness === undefined || this.closing) return;
    // A peer that we do not read from is not silent.
    if (this.webSocket.isPaused) this.inbound.heardAt = now;
    const heardAt = Math.max(this.inbound.heardAt, this.outbox.drainedAt);
    if (now - heardAt < liveness.pingAfter) {
      this.keepOpen(now, liveness);
    } else if (this.pingedAt <= heardAt) {
      this.pingedAt = now;
      this.outbox.pushControl(PING_FRAME);
    } else if (readUntil - this.pingedAt >= liveness.pongWithin) {
      // Not `now`: after a stall of this process the answer may have arrived without having been read.
      metrics.deadPeers.inc();
      this.webSocket.terminate();
    }
  }

  /** A peer may send without ever being sent anything, and proxies cut connections that look idle in one direction. */
  private keepOpen(now: number, { pingAfter }: Liveness): void {
    if (now < this.speakBy) return;
    this.speakBy = now + pingAfter;
    if (this.outbox.takeQuiet()) this.outbox.pushControl(PING_FRAME);
  }

  /**
   * Stops reading while too many bytes arrive, whatever they are (a frame that never ends, for example), or while the user
   * sends too much on all connections together.
   */
  private throttle(): void {
    const limit = this.inbound.takeBytes();
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
    if (this.closing || !this.inbound.mayResume(now)) return;
    this.throttled = false;
    this.context.throttled.delete(this);
    this.resume();
    this.settleReading();
  }

  /** Counts work that this client caused and that costs the CPU as much as this number of frames. */
  charge(frames: number): void {
    this.inbound.charge(frames);
    if (!this.throttled && !this.closing) this.throttle();
  }

  /** Whether reading is paused because the client, or its user, sent too much. */
  get isThrottled(): boolean {
    return this.throttled;
  }

  /** Whether it is not read for now, because of what its client sent or has not been answered yet. */
  get isPaused(): boolean {
    return this.webSocket.isPaused;
  }

  /** Settles when reading resumes, or the connection has ended. */
  get readOn(): Promise<void> {
    return (this.reading ??= Promise.withResolvers()).promise;
  }

  /** @internal */
  unpacked(bytes: number): void {
    this.inbound.addUnpacked(bytes);
  }

  /** @returns whether an incoming frame is within the rate. A client that sends many beyond it is closed. */
  private takeIn(): boolean {
    if (this.closing) return false;
    if (!this.throttled) this.throttle();
    if (this.inbound.takeFrame()) return true;
    this.context.metrics.limited.inc({ limit: 'frames' });
    if (!this.inbound.takeExcess()) this.close('abuse');
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

  /** `ws` has already sent the close frame that the RFC requires, and nothing may follow it. @internal */
  failed({ code = '' }: Error & { code?: string }): void {
    this.outbox.clear();
    const violation = VIOLATIONS[code] ?? (code.startsWith('WS_ERR_') ? PROTOCOL_VIOLATION : undefined);
    if (!this.closing && violation !== undefined) {
      this.context.metrics.badFrames.inc({ code: violation.error });
      this.context.metrics.closes.inc({ code: violation.close });
    }
    this.closing = true;
  }

  /** @internal */
  ended(code: number): void {
    this.closing = true;
    this.closeCode = code;
    this.context.throttled.delete(this);
    this.settleReading();
    this.outbox.clear();
    this.channels?.end();
    this.context.backlog.forget(this);
    this.context.closed(this);
    for (const hook of this.disconnectHooks ?? []) hook(code);
  }
}

// Shared listeners instead of closures: a closure per event and connection costs 64 bytes. And a member instead of a
// WeakMap, whose entries cost every garbage collection.
const CONNECTION = Symbol('connection');

interface OwnedSocket extends WebSocket {
  [CONNECTION]?: Connection;
}

function resume(connection: Connection): void {
  connection.resume();
}

function onMessage(this: OwnedSocket, data: Buffer | ArrayBuffer | Buffer[], isBinary: boolean): void {
  // `binaryType` is left at 'nodebuffer', so `ws` always passes a Buffer.
  if (Buffer.isBuffer(data)) this[CONNECTION]?.receive(data, isBinary);
}

function onPing(this: OwnedSocket, payload: Buffer): void {
  this[CONNECTION]?.answerPing(payload);
}

function onPong(this: OwnedSocket): void {
  this[CONNECTION]?.heard();
}

function onError(this: OwnedSocket, error: Error): void {
  this[CONNECTION]?.failed(error);
}

function onClose(this: OwnedSocket, code: number): void {
  this[CONNECTION]?.ended(code);
}
