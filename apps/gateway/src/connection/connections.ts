import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { Identity, Session } from '../auth/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { ClientCounter } from '../limits/client-counter.js';
import { connectionCost, HeldMemory } from '../limits/held-memory.js';
import { Overload, type Sheddable } from '../limits/overload.js';
import { Senders } from '../limits/senders.js';
import { Metrics } from '../metrics/metrics.js';
import { Backlog } from './backlog.js';
import { Connection, type ConnectionContext } from './connection.js';
import { Dispatcher } from './dispatcher.js';
import { FlushSchedule } from './flush-schedule.js';
import { livenessOf, type Liveness } from './liveness.js';
import { FrameJoiner } from './outbox.js';
import { MessageInflater } from './permessage-deflate.js';
import { tick, TICK_MS } from '../limits/ticks.js';

/** Each connection is checked once in this many ticks, so that deadlines are met within half a second. */
const SLICES = 5;

/** Called at both ends of a connection's life. */
export interface ConnectionListener {
  opened(connection: Connection): void;
  /** Called while the connection still has its sibling. */
  closed(connection: Connection): void;
}

/** All connections of this process. One timer serves the deadlines of all of them. */
@Injectable()
export class Connections implements ConnectionContext, Sheddable, OnModuleInit, OnApplicationShutdown {
  readonly backlog: Backlog<Connection>;
  readonly joiner = new FrameJoiner();
  readonly compressedJoiner = new FrameJoiner();
  readonly inflater: MessageInflater;
  /** Connections whose clients move to newer ones, by client id. */
  readonly moving = new Map<string, Connection>();
  readonly throttled = new Set<Connection>();
  readonly liveness: Liveness | undefined;
  private readonly list: Connection[] = [];
  private readonly idPrefix = randomBytes(6).toString('base64url');
  private lastId = 0;
  private slice = 0;
  /** When the timer last fired: everything that had arrived by then has been read since. */
  private checkedAt = tick();
  private timer: NodeJS.Timeout | undefined;
  private listener: ConnectionListener | undefined;
  /** The connection that {@link askSome} asked last. */
  private asked = 0;

  constructor(
    @Inject(CONFIG) readonly config: Config,
    @Inject(Metrics) readonly metrics: Metrics,
    @Inject(Dispatcher) readonly dispatcher: Dispatcher,
    @Inject(HeldMemory) private readonly memory: HeldMemory,
    @Inject(ClientCounter) readonly counter: ClientCounter<Connection>,
    @Inject(Senders) readonly senders: Senders,
    @Inject(FlushSchedule) readonly flushes: FlushSchedule,
    @Inject(Overload) overload: Overload,
  ) {
    this.backlog = new Backlog(memory.maxBuffered, metrics);
    this.inflater = new MessageInflater(config.connection.maxPayload);
    this.liveness = livenessOf(config.connection.ping);
    overload.shedFrom(this);
  }

  onModuleInit(): void {
    this.metrics.gauge('holdfast_connections', 'Open WebSocket connections', () => this.list.length);
    this.metrics.gauge(
      'holdfast_clients',
      'Connected clients; two connections of a session that is moving count once',
      () => this.counter.clients,
    );
    this.metrics.gauge('holdfast_buffered_bytes', 'Bytes waiting to be sent to all connections', () =>
      this.list.reduce((sum, { buffered }) => sum + buffered, 0),
    );
    this.timer = setInterval(() => this.checkSlice(), TICK_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  listen(listener: ConnectionListener): void {
    this.listener = listener;
  }

  /** A copy, which does not change when connections come and go. */
  all(): Connection[] {
    return [...this.list];
  }

  get count(): number {
    return this.list.length;
  }

  ofUser(user: string): Connection[] {
    return this.list.filter((connection) => connection.user === user);
  }

  /** @param address what the client is counted by; undefined if addresses are not told apart. */
  open(
    webSocket: WebSocket,
    socket: Duplex,
    session: Session,
    identity: Identity | undefined,
    address?: string,
    compresses = false,
  ): Connection {
    const id = `${this.idPrefix}${(this.lastId += 1).toString(36)}`;
    const connection = new Connection(id, session, identity, webSocket, socket, this, compresses);
    connection.address = address;
    connection.index = this.list.push(connection) - 1;
    this.enter(connection);
    this.hold(connection);
    this.listener?.opened(connection);
    return connection;
  }

  /** Takes the identity that a client has proven after its connection was opened. */
  identify(connection: Connection, session: Session, identity: Identity): void {
    this.counter.leave(connection);
    this.letGo(connection);
    this.keep(connection);
    connection.session = session;
    connection.authenticated(identity);
    this.enter(connection);
    this.hold(connection);
  }

  /** Takes a new identity of the same user. */
  refreshed(connection: Connection, identity: Identity): void {
    this.letGo(connection);
    connection.authenticated(identity);
    this.hold(connection);
  }

  /** Records that a client moves from this connection to a newer one. */
  replace(connection: Connection, newer: string): void {
    if (!connection.open) return;
    connection.replace(newer);
    this.moving.set(connection.client, connection);
  }

  /** Records that the client has moved back. */
  keep(connection: Connection): void {
    connection.keep();
    if (this.moving.get(connection.client) === connection) this.moving.delete(connection.client);
  }

  /**
   * Asks clients to connect elsewhere, in turn, each at most once in `within` ms. Those that cannot may stay.
   *
   * @returns how many were asked.
   */
  askSome(count: number, within: number): number {
    let asked = 0;
    for (let looked = 0; asked < count && looked < this.list.length; looked += 1) {
      this.asked = (this.asked + 1) % this.list.length;
      if (this.list[this.asked]?.askElsewhere(within)) asked += 1;
    }
    return asked;
  }

  closed(connection: Connection): void {
    this.listener?.closed(connection);
    this.counter.leave(connection);
    this.letGo(connection);
    this.keep(connection);
    const last = this.list.pop();
    if (last === undefined || last === connection) return;
    this.list[connection.index] = last;
    last.index = connection.index;
  }

  private enter(connection: Connection): void {
    this.counter.enter(connection)?.close('replaced');
    // A connection without an identity replaces nothing.
    if (connection.identity !== undefined && connection.sibling !== undefined) {
      this.replace(connection.sibling, connection.id);
    }
  }

  private hold(connection: Connection): void {
    connection.held = connectionCost(connection.identity);
    this.memory.add(connection, connection.held);
  }

  private letGo(connection: Connection): void {
    this.memory.add(connection, -connection.held);
    connection.held = 0;
  }

  private checkSlice(): void {
    const now = tick();
    for (const connection of this.throttled) connection.unthrottle(now);
    this.slice = (this.slice + 1) % SLICES;
    const end = Math.floor((this.list.length * (this.slice + 1)) / SLICES);
    // Backwards, since the last connection moves to the place of one that ends.
    for (let i = end - 1; i >= Math.floor((this.list.length * this.slice) / SLICES); i -= 1) {
      this.list[i]?.check(now, this.checkedAt);
    }
    this.checkedAt = now;
  }
}
