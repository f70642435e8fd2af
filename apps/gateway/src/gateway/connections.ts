import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { Identity } from '../auth/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { Census } from '../limits/census.js';
import { connectionCost, HeldMemory } from '../limits/held-memory.js';
import { Senders } from '../limits/senders.js';
import { Metrics } from '../metrics/metrics.js';
import { Backlog } from './backlog.js';
import { Connection, type ConnectionContext } from './connection.js';
import { Dispatcher } from './dispatcher.js';
import { livenessOf, type Liveness } from './liveness.js';
import { RefusedUsers } from './refused-users.js';
import type { Session } from './session.js';
import { tick, TICK_MS } from './ticks.js';

/** Each connection is looked at once in so many ticks, so that a deadline is met within half a second. */
const SLICES = 5;

/** All connections of this process. One timer serves the deadlines of all of them. */
@Injectable()
export class Connections implements ConnectionContext, OnModuleInit, OnApplicationShutdown {
  readonly census: Census;
  readonly backlog: Backlog;
  readonly refused = new RefusedUsers();
  /** Connections whose clients move to newer ones, by client id. */
  readonly moving = new Map<string, Connection>();
  readonly throttled = new Set<Connection>();
  readonly liveness: Liveness | undefined;
  private readonly list: Connection[] = [];
  private readonly idPrefix = randomBytes(6).toString('base64url');
  private lastId = 0;
  private slice = 0;
  /** When the timer fired last: what had arrived by then has been read since. */
  private checkedAt = tick();
  private timer: NodeJS.Timeout | undefined;
  /** Whom {@link askSome} asked last. */
  private asked = 0;

  constructor(
    @Inject(CONFIG) readonly config: Config,
    @Inject(Metrics) readonly metrics: Metrics,
    @Inject(Dispatcher) readonly dispatcher: Dispatcher,
    @Inject(HeldMemory) private readonly memory: HeldMemory,
    @Inject(Senders) readonly senders: Senders,
  ) {
    this.backlog = new Backlog(memory.maxBuffered, metrics);
    this.census = new Census(config.limits.connections);
    this.liveness = livenessOf(config.connection.ping);
  }

  onModuleInit(): void {
    this.metrics.gauge('holdfast_connections', 'Open WebSocket connections', () => this.list.length);
    this.metrics.gauge(
      'holdfast_clients',
      'Connected clients: two connections of a session that moves count once',
      () => this.census.clients,
    );
    this.metrics.gauge('holdfast_buffered_bytes', 'What waits to be sent to all connections', () =>
      this.list.reduce((sum, { buffered }) => sum + buffered, 0),
    );
    this.timer = setInterval(() => this.checkSlice(), TICK_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** A copy, which stays as it is when connections come and go. */
  all(): Connection[] {
    return [...this.list];
  }

  get count(): number {
    return this.list.length;
  }

  ofUser(user: string): Connection[] {
    return this.list.filter((connection) => connection.user === user);
  }

  /** @param address what the client is counted by; undefined where addresses are not told apart. */
  open(
    webSocket: WebSocket,
    socket: Duplex,
    session: Session,
    identity: Identity | undefined,
    address?: string,
  ): Connection {
    const id = `${this.idPrefix}${(this.lastId += 1).toString(36)}`;
    const connection = new Connection(id, session, identity, webSocket, socket, this);
    connection.address = address;
    connection.index = this.list.push(connection) - 1;
    this.enter(connection);
    this.hold(connection);
    return connection;
  }

  /** Takes what a client has proved after its connection was opened. */
  identify(connection: Connection, session: Session, identity: Identity): void {
    this.census.leave(connection);
    this.letGo(connection);
    this.keep(connection);
    connection.session = session;
    connection.authenticated(identity);
    this.enter(connection);
    this.hold(connection);
  }

  /** Takes what a client has proved anew about the same user. */
  refreshed(connection: Connection, identity: Identity): void {
    this.letGo(connection);
    connection.authenticated(identity);
    this.hold(connection);
  }

  /** Notes that a client moves from a connection to a newer one. */
  replace(connection: Connection, newer: string): void {
    if (!connection.open) return;
    connection.replace(newer);
    this.moving.set(connection.client, connection);
  }

  /** Notes that it has moved back. */
  keep(connection: Connection): void {
    connection.keep();
    if (this.moving.get(connection.client) === connection) this.moving.delete(connection.client);
  }

  /**
   * Asks so many clients to connect elsewhere, in turn, each at most once in `within` ms; whoever cannot stays.
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
    this.census.leave(connection);
    this.letGo(connection);
    this.keep(connection);
    const last = this.list.pop();
    if (last === undefined || last === connection) return;
    this.list[connection.index] = last;
    last.index = connection.index;
  }

  private enter(connection: Connection): void {
    this.census.enter(connection)?.close('replaced');
    // One that has proved nothing takes nobody's place.
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
    // From the end, since a connection that ends gives its place to the last one.
    for (let i = end - 1; i >= Math.floor((this.list.length * this.slice) / SLICES); i -= 1) {
      this.list[i]?.check(now, this.checkedAt);
    }
    this.checkedAt = now;
    if (this.slice === 0) this.refused.forget();
  }
}
