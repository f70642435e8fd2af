import { BROKER, type Broker } from '@holdfast/broadcast';
import type { ConnectRequest, RefreshReply, RefreshRequest, Welcome } from '@holdfast/protocol';
import { Inject } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection, type OnGatewayDisconnect } from '@nestjs/websockets';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { Admission, type Applicant, type Identity } from '../auth/index.js';
import { ChannelsService } from '../channels/channels.service.js';
import { CONFIG, type Config } from '../config/index.js';
import { ClientEvents } from '../events/client-events.js';
import { ConnectionLimits } from '../limits/connection-limits.js';
import type { Connection } from './connection.js';
import { Connections } from './connections.js';
import { Dispatcher } from './dispatcher.js';
import { ProtocolError } from './protocol-error.js';
import type { Request } from './request.js';
import { sessionOf, type Session } from './session.js';
import { toldByClose } from './told-by-close.js';

/** How long a client may hear nothing before it pings, if the gateway itself sends no pings. */
const DEFAULT_PING_MS = 8_000;

/** Who is at the other end: how a session begins, is extended and ends. */
@WebSocketGateway()
export class SessionGateway implements OnGatewayConnection, OnGatewayDisconnect {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Dispatcher) dispatcher: Dispatcher,
    @Inject(ClientEvents) private readonly events: ClientEvents,
    @Inject(ConnectionLimits) private readonly limits: ConnectionLimits,
    @InjectPinoLogger(SessionGateway.name) private readonly logger: PinoLogger,
  ) {
    dispatcher.serve({
      connect: (connection, data, request) => this.connect(connection, data, request),
      refresh: (connection, data) => this.refresh(connection, data),
      ping: () => ({}),
    });
  }

  handleConnection(connection: Connection): void {
    if (connection.identity === undefined) return;
    connection.notify('welcome', this.welcome(connection));
    this.register(connection);
  }

  handleDisconnect(connection: Connection): void {
    this.debug('disconnected', connection, { code: connection.closeCode });
    this.channels.disconnected(connection);
    if (connection.identity !== undefined) this.events.disconnected(connection);
    const { user, client, id } = connection;
    if (user !== undefined) this.inBackground(this.broker.unregister(user, client, id), connection);
  }

  private async connect(
    connection: Connection,
    { token, session }: ConnectRequest,
    request: Request,
  ): Promise<Welcome> {
    if (connection.identity !== undefined) throw new ProtocolError('already_connected');
    const presented = session === undefined ? connection.session : sessionOf(session);
    const identity = await this.authenticate(connection, { token, client: presented.client }, request);
    // Who left meanwhile must not be registered: nobody would take it back.
    if (!connection.open) throw new ProtocolError('not_connected');
    this.makeRoom(connection, presented, identity, request);
    this.connections.identify(connection, presented, identity);
    this.register(connection);
    return this.welcome(connection);
  }

  private async refresh(connection: Connection, { token }: RefreshRequest): Promise<RefreshReply> {
    const identity = await this.admission.admit({ token, client: connection.client });
    if (identity.user !== connection.user) throw new ProtocolError('forbidden', 'the token is of another user');
    connection.authenticated(identity);
    this.channels.recheck(connection);
    return expiry(identity);
  }

  /** A wrong token ends the connection: it has nothing else to show. */
  private async authenticate(connection: Connection, applicant: Applicant, request: Request): Promise<Identity> {
    try {
      const identity = await this.admission.admit(applicant);
      if (identity.user !== undefined && this.connections.isRefused(identity.user))
        throw new ProtocolError('forbidden');
      return identity;
    } catch (error) {
      const close = (error instanceof ProtocolError ? toldByClose(error.code) : undefined) ?? 'internal';
      request.afterAnswer(() => connection.close(close));
      throw error;
    }
  }

  /** A user who has as many connections as it may comes again later. */
  private makeRoom(connection: Connection, { client }: Session, { user }: Identity, request: Request): void {
    try {
      this.limits.checkRoom({ client, user, address: connection.address });
    } catch (error) {
      request.afterAnswer(() => connection.close('overloaded'));
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
      ...(identity === undefined ? {} : expiry(identity)),
    };
  }

  private register(connection: Connection): void {
    const { user, client, id } = connection;
    this.debug('connected', connection);
    this.events.connected(connection);
    if (user === undefined) return;
    const { node } = this.config;
    this.inBackground(this.broker.register({ client, holder: id, user, node, since: this.broker.now() }), connection);
  }

  /** Looks at the level first: putting a line together that nobody reads costs 1 % of a connect. */
  private debug(message: string, connection: Connection, more: object = {}): void {
    if (!this.logger.logger.isLevelEnabled('debug')) return;
    this.logger.debug({ ...connection.logFields, ...more }, message);
  }

  /** The registry serves the API; a connection does not wait for it, nor end with it. */
  private inBackground(done: Promise<void>, connection: Connection): void {
    done.catch((error: unknown) =>
      this.logger.warn({ err: error, ...connection.logFields }, 'the registry of connections was not updated'),
    );
  }
}

function expiry({ expiresAt }: Identity): RefreshReply {
  return expiresAt === undefined ? {} : { expires: Math.max(0, expiresAt - Date.now()) };
}
