import {
  decodeRequest,
  encodeError,
  encodeReply,
  errorData,
  EVENTS_WITH_ID,
  isBadFrame,
  OWN_CHANNEL_ALIAS,
  requestSchemas,
  type RequestEvent,
  type RequestId,
  type Requests,
  userChannel,
} from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import type { WsMessageHandler } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { isObservable, lastValueFrom } from 'rxjs';
import type { z } from 'zod';
import { CONFIG, type Config } from '../config/index.js';
import { HeldMemory } from '../limits/held-memory.js';
import { Metrics } from '../metrics/metrics.js';
import { checked } from './checked.js';
import type { Connection } from './connection.js';
import { ProtocolError } from './protocol-error.js';
import { currentRequest, Request } from './request.js';

/** With this many unanswered requests a connection is read no further until half of them are answered. */
const MAX_UNANSWERED = 256;

/** With so many bytes of them likewise, or with one that is larger. */
const MAX_UNANSWERED_BYTES = 1_048_576;

/** What an unanswered request takes beside its frame. */
const REQUEST_OVERHEAD = 1_024;

/** The share of the memory limit that the unanswered requests of all connections may take. */
const UNANSWERED_SHARE = 1 / 16;

/** The events that a client may send before it has proved who it is. */
const BEFORE_CONNECT: ReadonlySet<string> = new Set(['connect', 'ping']);

/** Refusals that a correct client never gets. */
const INVALID: ReadonlySet<string> = new Set(['invalid', 'invalid_channel']);

/**
 * Answers a request of the protocol, whose data has been checked. What it throws is told to the client: a ProtocolError as it
 * is, and anything else as `internal`.
 */
export type Handler<E extends RequestEvent> = (
  connection: Connection,
  data: Requests[E]['data'],
  request: Request,
) => Requests[E]['reply'] | Promise<Requests[E]['reply']>;

/** Brings each frame to its handler and the answer back, in order per connection and channel. */
@Injectable()
export class Dispatcher {
  /** Who answers what the protocol defines, without Nest between: its way to a handler costs more than most of them. */
  private readonly served = new Map<string, (connection: Connection, data: unknown, request: Request) => unknown>();
  /** The events of gateways of the user's own, and where their handlers stand among those of each connection. */
  private readonly events = new Map<string, number>();
  /** What the unanswered requests of all connections take, in bytes. */
  private unanswered = 0;
  private readonly maxUnanswered: number;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(HeldMemory) { total }: HeldMemory,
    @InjectPinoLogger(Dispatcher.name) private readonly logger: PinoLogger,
  ) {
    this.maxUnanswered = total * UNANSWERED_SHARE;
  }

  /** Says who answers these requests of the protocol; called while the application is built. */
  serve(handlers: { readonly [E in RequestEvent]?: Handler<E> }): void {
    for (const [event, handler] of Object.entries(handlers) as [RequestEvent, Handler<RequestEvent>][]) {
      const schema: z.ZodType<never> = requestSchemas[event] as never;
      this.served.set(event, (connection, data, request) => handler(connection, checked(schema, data), request));
    }
  }

  /** Keeps what Nest bound for this connection; called once per gateway class, always in the same order. */
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
      this.metrics.refusedRequests.inc({ event: this.knows(event) ? event : 'unknown', code: 'rate_limited' });
      connection.sendText(encodeError(errorData('rate_limited'), id));
    } else if (!this.knows(event)) {
      connection.refuseFrame(errorData('unknown_event'), id);
    } else if (id === undefined && EVENTS_WITH_ID.has(event)) {
      connection.refuseFrame(errorData('id_required'));
    } else if (id !== undefined && connection.lanes.has(id)) {
      connection.refuseFrame(errorData('id_reused'), id);
    } else if (connection.identity === undefined && !BEFORE_CONNECT.has(event)) {
      connection.refuseFrame(errorData('not_connected'), id);
    } else if (event === 'ping' && data === undefined) {
      // Behind what is answered in this turn, and before whatever takes longer: an answer that waits looks like a dead path.
      if (id !== undefined) setImmediate(answerPing, connection, id);
    } else {
      this.unanswered += text.length + REQUEST_OVERHEAD;
      connection.lanes.add(
        laneOf(connection, data),
        new Request(frame, text.length),
        this.config.connection.concurrency,
        (request) => this.answer(connection, request),
      );
      if (this.isBehind(connection, 1)) connection.pause();
    }
  }

  private async answer(connection: Connection, request: Request): Promise<void> {
    try {
      // It was read in one piece with others that are too many, or costs as much as many.
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
      this.metrics.refusedRequests.inc({ event, code: request.refusal.code });
      if (INVALID.has(request.refusal.code)) connection.refuseFrame(request.refusal, id);
      else connection.sendText(encodeError(request.refusal, id));
    } else if (reply !== undefined) {
      connection.sendText(reply);
    }
    request.answered();
    if (!this.isBehind(connection, 0.5)) connection.resumeSoon();
  }

  /**
   * Whether a connection has at least this share of the unanswered requests, or of their bytes, that it may have: of one
   * at a time while all connections together have too many.
   */
  private isBehind({ lanes }: Connection, share: number): boolean {
    return (
      (this.unanswered > this.maxUnanswered && lanes.size > 1) ||
      lanes.size >= MAX_UNANSWERED * share ||
      lanes.bytes >= Math.max(MAX_UNANSWERED_BYTES, this.config.connection.maxPayload) * share
    );
  }

  /** @returns the encoded reply, where one is wanted. */
  private async handle(connection: Connection, request: Request): Promise<string | undefined> {
    const { event, data, id } = request.frame;
    try {
      const handler = this.served.get(event);
      const result =
        handler === undefined
          ? await currentRequest.run(request, () => this.callGateway(connection, request))
          : await handler(connection, data, request);
      return id === undefined ? undefined : encodeReply(id, result === undefined ? {} : result);
    } catch (error) {
      if (error instanceof ProtocolError) {
        request.refusal = errorData(error.code, error.detail);
        return undefined;
      }
      // A handler failed (one of a user's own goes through Nest's filters: there one of those), or what it returned is no JSON.
      this.logger.error({ err: error, event, ...connection.logFields }, 'a request could not be answered');
      request.refusal = errorData('internal');
      return undefined;
    }
  }

  /** Calls a handler of a gateway of the user's own, as Nest bound it. */
  private async callGateway(connection: Connection, { frame: { event, data } }: Request): Promise<unknown> {
    const returned: unknown = await connection.handlers[this.events.get(event) ?? -1]?.(data, event);
    return isObservable(returned) ? await lastValueFrom(returned, { defaultValue: undefined }) : returned;
  }

  private knows(event: string): boolean {
    return this.served.has(event) || this.events.has(event);
  }
}

function answerPing(connection: Connection, id: RequestId): void {
  connection.sendText(encodeReply(id, {}));
}

/** Requests of one channel keep their order; those that name none keep it among themselves. */
function laneOf(connection: Connection, data: unknown): string {
  if (typeof data !== 'object' || data === null || !('channel' in data) || typeof data.channel !== 'string') return '';
  return data.channel === OWN_CHANNEL_ALIAS && connection.user !== undefined
    ? userChannel(connection.user)
    : data.channel;
}
