import { BROKER, type Broker } from '@holdfast/broadcast';
import type { ConnectRequest, RefreshReply, RefreshRequest, Welcome } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import {
  Admission,
  BlockedUsers,
  sessionOfUser,
  Sessions,
  type Applicant,
  type Identity,
  type Session,
} from '../auth/index.js';
import { ChannelsService } from '../channels/channels.service.js';
import { CONFIG, type Config } from '../config/index.js';
import { ClientEvents } from '../event-webhook/client-events.js';
import { ConnectionLimits } from '../limits/connection-limits.js';
import { Metrics } from '../metrics/metrics.js';
import type { Connection } from '../connection/connection.js';
import { Connections, type ConnectionListener } from '../connection/connections.js';
import { Dispatcher } from '../connection/dispatcher.js';
import { Moves } from './moves.js';
import { ProtocolError } from '../errors/protocol-error.js';
import type { Request } from '../connection/request.js';
import { closeForError } from '../errors/close-for-error.js';
import { EventLog } from '../logging/event-log.js';

/** The silence after which a client pings if the gateway itself sends no pings. */
const DEFAULT_PING_MS = 8_000;

/** How a session starts, is extended and ends. */
@Injectable()
export class SessionService implements ConnectionListener {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(BlockedUsers) private readonly blocked: BlockedUsers,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Dispatcher) dispatcher: Dispatcher,
    @Inject(ClientEvents) private readonly events: ClientEvents,
    @Inject(ConnectionLimits) private readonly limits: ConnectionLimits,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(Moves) private readonly moves: Moves,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    dispatcher.serve({
      connect: (connection, data, request) => this.connect(connection, data, request),
      refresh: (connection, data, request) => this.refresh(connection, data, request),
      ping: () => ({}),
    });
    moves.listen((connection) => this.putBack(connection));
    connections.listen(this);
  }

  opened(connection: Connection): void {
    if (connection.identity === undefined) return;
    connection.notify('welcome', this.welcome(connection));
    this.register(connection);
  }

  closed(connection: Connection): void {
    if (this.log.writes('connection.closed')) {
      this.log.write('connection.closed', { ...connection.logFields, code: connection.closeCode });
    }
    const heir = this.heirOf(connection);
    this.channels.disconnected(connection, heir);
    const { identity, user, client, id } = connection;
    if (identity === undefined) return;
    if (heir === undefined) {
      this.events.disconnected(connection);
      if (user !== undefined) this.inBackground(this.broker.unregister(user, client, id), connection);
    } else {
      this.events.handOver(connection, heir);
      this.enroll(heir);
      this.moves.announceAgain(heir);
    }
    this.moves.left(connection);
  }

  /** The older connection on which a client continues because the newer one ended first. */
  private heirOf({ id, client, sibling }: Connection): Connection | undefined {
    if (sibling === undefined || !sibling.open || sibling.replacedBy !== id) return undefined;
    this.connections.keep(sibling);
    return sibling.client === client ? sibling : undefined;
  }

  /** Reinstates a connection whose newer one, on another pod, ended first. */
  private putBack(connection: Connection): void {
    this.connections.keep(connection);
    this.events.connected(connection);
    this.enroll(connection);
    this.channels.rejoin(connection);
    this.moves.announceAgain(connection);
  }

  private async connect(
    connection: Connection,
    { token, session }: ConnectRequest,
    request: Request,
  ): Promise<Welcome> {
    if (connection.user !== undefined) throw new ProtocolError('already_connected');
    const wasAnonymous = connection.identity !== undefined;
    const presented = session === undefined ? connection.session : this.sessions.of(session);
    const applicant = { token, session: presented, address: connection.address };
    const identity = await this.authenticate(connection, applicant, request);
    await this.makeRoom(connection, presented, identity, request);
    // A client that left meanwhile must not be registered: nobody would undo it.
    if (!connection.open) throw new ProtocolError('not_connected');
    if (wasAnonymous) this.endAnonymous(connection);
    this.connections.identify(connection, sessionOfUser(presented, identity.user), identity);
    this.register(connection);
    if (wasAnonymous) {
      this.channels.recheck(connection);
      this.channels.rejoin(connection);
    }
    return this.welcome(connection);
  }

  /** The anonymous client leaves, and the connection continues as the user's, with its subscriptions. */
  private endAnonymous(connection: Connection): void {
    this.channels.leaveAsMember(connection);
    this.events.ended(connection);
  }

  private async refresh(connection: Connection, { token }: RefreshRequest, request: Request): Promise<RefreshReply> {
    const { session, address } = connection;
    const identity = await this.admission.admit({ token, session, address });
    if (identity.user !== connection.user) throw new ProtocolError('forbidden', 'the token belongs to another user');
    if (this.blocked.has(identity.user)) {
      request.afterAnswer(() => connection.close('disconnected'));
      throw new ProtocolError('forbidden');
    }
    this.connections.refreshed(connection, identity);
    this.channels.recheck(connection);
    return expiry(identity);
  }

  /** With an invalid token the connection is closed, since there is nothing else that it could do unless it is anonymous. */
  private async authenticate(connection: Connection, applicant: Applicant, request: Request): Promise<Identity> {
    try {
      const identity = await this.admission.admit(applicant);
      if (this.blocked.has(identity.user)) throw new ProtocolError('forbidden');
      return identity;
    } catch (error) {
      if (connection.identity !== undefined) throw error;
      const close = (error instanceof ProtocolError ? closeForError(error.code) : undefined) ?? 'internal';
      request.afterAnswer(() => connection.close(close));
      throw error;
    }
  }

  /** A user with too many connections may try again later. */
  private async makeRoom(
    connection: Connection,
    { id, client }: Session,
    { user }: Identity,
    request: Request,
  ): Promise<void> {
    const { address } = connection;
    try {
      await this.limits.takeConnect({ user, address, client });
      this.limits.checkRoom({ session: id, user, address }, this.connections.count);
    } catch (error) {
      if (connection.identity === undefined) request.afterAnswer(() => connection.close('overloaded'));
      throw error;
    }
  }

  private welcome({ session, user, identity }: Connection): Welcome {
    const { connection, keyWindow, node } = this.config;
    return {
      client: session.client,
      session: session.secret,
      ...(user === undefined ? {} : { user }),
      node,
      ping: connection.ping || DEFAULT_PING_MS,
      maxPayload: connection.maxPayload,
      keyWindow,
      pipelining: true,
      ...(identity === undefined ? {} : expiry(identity)),
    };
  }

  private register(connection: Connection): void {
    connection.since = this.broker.now();
    // Assembling a line that is not logged takes 1 % of a connect.
    if (this.log.writes('connection.opened')) this.log.write('connection.opened', connection.logFields);
    this.events.connected(connection);
    this.enroll(connection);
    if (connection.session.presented) this.moves.announce(connection);
  }

  private enroll(connection: Connection): void {
    const { user, client, id, since } = connection;
    if (user === undefined) return;
    this.inBackground(this.broker.register({ client, holder: id, user, node: this.config.node, since }), connection);
  }

  /** The registry serves the API only, so a connection neither waits for it nor fails because of it. */
  private inBackground(done: Promise<void>, connection: Connection): void {
    done.catch((error: unknown) => {
      this.metrics.registryUpdatesFailed.inc();
      // During an outage of the broker this happens for each connection. The outage itself is logged once.
      const reason = error instanceof Error ? error.message : 'an internal error';
      this.log.write('connection.not_registered', { ...connection.logFields, reason });
    });
  }
}

function expiry({ expiresAt }: Identity): RefreshReply {
  return expiresAt === undefined ? {} : { expires: Math.max(0, Math.round(expiresAt - performance.now())) };
}
