import {
  decodeRequest,
  encodeError,
  encodeReply,
  errorData,
  EVENTS_WITH_ID,
  isBadFrame,
  isCallable,
  OWN_CHANNEL_ALIAS,
  requestSchemas,
  type RequestEvent,
  type RequestFrame,
  type RequestId,
  type Requests,
  userChannel,
} from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import type { WsMessageHandler } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import type { z } from 'zod';
import { CONFIG, type Config } from '../config/index.js';
import { HeldMemory } from '../limits/held-memory.js';
import { intervalOf } from '../limits/quotas.js';
import { Metrics } from '../metrics/metrics.js';
import { checked } from '../errors/checked.js';
import type { Connection } from './connection.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { currentRequest, Request } from './request.js';
import { EventLog } from '../logging/event-log.js';

/** With this many unanswered requests a connection is not read until half of them are answered. */
const MAX_UNANSWERED = 256;

/** The same limit in bytes. A single larger request counts as well. */
const MAX_UNANSWERED_BYTES = 1_048_576;

/** What an unanswered request takes besides its frame. */
const REQUEST_OVERHEAD = 1_024;

/** The share of the memory limit that the unanswered requests of all connections may take. */
const UNANSWERED_SHARE = 1 / 16;

/** The events that a client may send before it has proven its identity. */
const BEFORE_CONNECT: ReadonlySet<string> = new Set(['connect', 'ping']);

/** What metrics call all events that only the backend knows, and those that nobody knows. */
const CALL = 'call';
const UNKNOWN = 'unknown';

/** Errors that a correct client never gets. */
const INVALID: ReadonlySet<string> = new Set(['invalid', 'invalid_channel']);

/**
 * Answers a request of the protocol, whose data has been validated. If it throws a ProtocolError, the client gets that,
 * and `internal` for any other error.
 */
export type Handler<E extends RequestEvent> = (
  connection: Connection,
  data: Requests[E]['data'],
  request: Request,
) => Requests[E]['reply'] | Promise<Requests[E]['reply']>;

/** Answers an event that is not the protocol's, whose data has not been validated. It throws as a {@link Handler} does. */
export type CallHandler = (connection: Connection, frame: RequestFrame) => Promise<unknown>;

/** How an event of the protocol is answered. */
interface Served {
  readonly schema: z.ZodType;
  readonly handler: (connection: Connection, data: unknown, request: Request) => unknown;
}

/** Passes each frame to its handler and sends the answer, in order per connection and channel. */
@Injectable()
export class Dispatcher {
  /** Handlers of the protocol's own events. They bypass Nest, whose dispatch costs more than most of them do. */
  private readonly served = new Map<string, Served>();
  /** Events of custom gateways, with the index of their handler in {@link Connection.handlers}. */
  private readonly events = new Map<string, number>();
  /** Answers all other events. */
  private calls: CallHandler | undefined;
  private lastCall = 0;
  /** What the unanswered requests of all connections take, in bytes. */
  private unanswered = 0;
  private readonly maxUnanswered: number;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(HeldMemory) { total }: HeldMemory,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    this.maxUnanswered = total * UNANSWERED_SHARE;
  }

  /** Registers handlers of the protocol's events; called while the application is built. */
  serve(handlers: { readonly [E in RequestEvent]?: Handler<E> }): void {
    for (const [event, handler] of Object.entries(handlers) as [RequestEvent, Served['handler']][]) {
      this.served.set(event, { schema: requestSchemas[event], handler });
    }
  }

  /** Registers what answers all events that neither the protocol nor a custom gateway has. */
  serveCalls(handler: CallHandler): void {
    this.calls = handler;
  }

  /** Stores what Nest bound for this connection. Called once per gateway class, always in the same order. */
  bind(connection: Connection, handlers: readonly WsMessageHandler[]): void {
    for (const { message, callback } of handlers) {
      if (!this.events.has(message)) this.events.set(message, connection.handlers.length);
      connection.handlers.push(callback as Connection['handlers'][number]);
    }
  }

  /** @param within whether the frame is within its connection's rate. */
  receive(connection: Connection, text: string, within = true): void {
    this.metrics.totals.framesIn += 1;
    const frame = decodeRequest(text);
    if (isBadFrame(frame)) {
      connection.refuseFrame(errorData(frame.code, frame.detail), frame.id);
      return;
    }
    const { event, data, id } = frame;
    if (!within) {
      this.metrics.refusedRequests.inc({ event: this.labelOf(event), code: 'rate_limited' });
      const interval = intervalOf(this.config.limits.frames);
      connection.sendText(encodeError(errorData('rate_limited', undefined, { interval }), id));
    } else if (this.labelOf(event) === UNKNOWN) {
      connection.refuseFrame(errorData('unknown_event'), id);
    } else if (id === undefined && EVENTS_WITH_ID.has(event)) {
      connection.refuseFrame(errorData('id_required'));
    } else if (id !== undefined && connection.requests.has(id)) {
      connection.refuseFrame(errorData('id_reused'), id);
    } else if (connection.identity === undefined && !BEFORE_CONNECT.has(event)) {
      connection.refuseFrame(errorData('not_connected'), id);
    } else if (event === 'ping' && data === undefined) {
      // After everything that is answered in this turn, but before anything that takes longer: a late answer looks like
      // a dead path.
      if (id !== undefined) setImmediate(answerPing, connection, id);
    } else {
      this.unanswered += text.length + REQUEST_OVERHEAD;
      connection.requests.add(
        this.queueKeyOf(connection, frame),
        new Request(frame, text.length),
        this.config.connection.concurrency,
        {
          run: (request) => this.answer(connection, request),
          onAnswered: () => {
            if (!this.isBehind(connection, 0.5)) connection.resumeSoon();
          },
        },
      );
      if (this.isBehind(connection, 1)) connection.pause();
    }
  }

  private async answer(connection: Connection, request: Request): Promise<void> {
    try {
      // It was read together with others that exceed the rate, or it costs as much as many.
      while (connection.isThrottled && connection.open) await connection.readOn;
      if (connection.open) await this.answerOpen(connection, request);
    } finally {
      this.unanswered -= request.bytes + REQUEST_OVERHEAD;
    }
  }

  private async answerOpen(connection: Connection, request: Request): Promise<void> {
    const { event, id } = request.frame;
    const reply = await this.handle(connection, request);
    if (request.refusal !== undefined) {
      this.metrics.refusedRequests.inc({ event: this.labelOf(event), code: request.refusal.code });
      if (INVALID.has(request.refusal.code)) connection.refuseFrame(request.refusal, id);
      else connection.sendText(encodeError(request.refusal, id));
    } else if (reply !== undefined) {
      connection.sendText(reply);
    }
    request.answered();
  }

  /**
   * Whether a connection has used at least this share of the unanswered requests, or bytes of them, that it may have.
   * While all connections together have too many, it may have one at a time.
   */
  private isBehind({ requests }: Connection, share: number): boolean {
    return (
      (this.unanswered > this.maxUnanswered && requests.size > 1) ||
      requests.size >= MAX_UNANSWERED * share ||
      requests.bytes >= Math.max(MAX_UNANSWERED_BYTES, this.config.connection.maxPayload) * share
    );
  }

  /** @returns the encoded reply, if one is wanted. */
  private async handle(connection: Connection, request: Request): Promise<string | undefined> {
    const { event, data, id } = request.frame;
    try {
      const served = this.served.get(event);
      const result =
        served === undefined
          ? await this.handleOwn(connection, request)
          : await served.handler(connection, checked(served.schema, data), request);
      return id === undefined ? undefined : encodeReply(id, result === undefined ? {} : result);
    } catch (error) {
      if (error instanceof ProtocolError) {
        request.refusal = errorData(error.code, error.detail, error.details);
        return undefined;
      }
      // A built-in handler failed, one of Nest's filters did, or what a handler returned is not JSON.
      this.log.write('request.failed', { err: error, request: event, ...connection.logFields });
      request.refusal = errorData('internal');
      return undefined;
    }
  }

  /** Handles an event that is not the protocol's: in a custom gateway, or else in the backend. */
  private async handleOwn(connection: Connection, request: Request): Promise<unknown> {
    return this.events.has(request.frame.event)
      ? currentRequest.run(request, () => this.callGateway(connection, request))
      : this.calls?.(connection, request.frame);
  }

  /** Calls a handler of a custom gateway, as Nest bound it. */
  private async callGateway(connection: Connection, { frame: { event, data } }: Request): Promise<unknown> {
    const returned: unknown = await connection.handlers[this.events.get(event) ?? -1]?.(data, event);
    return isObservable(returned) ? await lastValueFrom(returned, { defaultValue: undefined }) : returned;
  }

  /** Requests for one channel keep their order, and so do those of custom gateways that name no channel. */
  private queueKeyOf(connection: Connection, { event, data }: RequestFrame): string {
    if (typeof data === 'object' && data !== null && 'channel' in data && typeof data.channel === 'string') {
      return data.channel === OWN_CHANNEL_ALIAS && connection.user !== undefined
        ? userChannel(connection.user)
        : data.channel;
    }
    // No channel has a space in its name. The backend may be slow, and serves requests in any order anyway.
    return this.labelOf(event) === CALL ? ` ${(this.lastCall += 1)}` : '';
  }

  /** The event, as metrics name it: clients can make up any number of events that only the backend knows. */
  private labelOf(event: string): string {
    if (this.served.has(event) || this.events.has(event)) return event;
    return this.calls !== undefined && isCallable(event) ? CALL : UNKNOWN;
  }
}

function answerPing(connection: Connection, id: RequestId): void {
  connection.sendText(encodeReply(id, {}));
}
