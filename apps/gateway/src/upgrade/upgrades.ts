import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CLOSE, type ErrorCode } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import type { WebSocket, WebSocketServer } from 'ws';
import { Admission, BlockedUsers, sessionOfUser, Sessions, type Identity, type Session } from '../auth/index.js';
import { Origins } from '../auth/origins.js';
import { offersOurs, sendsTokenLater, sessionSecretOf, tokenOf } from '../auth/token-carriers.js';
import { CONFIG, type Config } from '../config/index.js';
import { smugglingRiskOf } from '../http/request-smuggling.js';
import { ConnectionLimits } from '../limits/connection-limits.js';
import { PendingSockets } from '../http/pending-sockets.js';
import { Verifying } from '../limits/verifying.js';
import { Metrics } from '../metrics/metrics.js';
import type { Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';
import { refuseOnSocket } from '../http/raw-refusal.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Compression } from './compression.js';
import { closeForError } from '../errors/close-for-error.js';
import { EventLog } from '../logging/event-log.js';

/** The path of the WebSocket. */
export const WEBSOCKET_PATH = '/ws';

/** How much of an origin is logged. A client that is not a browser may send any. */
const MAX_LOGGED_ORIGIN = 200;

const WEBSOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/;

/** Whether a request asks for a WebSocket. One that asks for another protocol (such as h2c) is answered as plain HTTP. */
export function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** Decides about each HTTP upgrade: a WebSocket, or a refusal with the reason. */
@Injectable()
export class Upgrades {
  private readonly origins: Origins;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(BlockedUsers) private readonly blocked: BlockedUsers,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(ConnectionLimits) private readonly limits: ConnectionLimits,
    @Inject(PendingSockets) private readonly pending: PendingSockets,
    @Inject(Verifying) private readonly verifying: Verifying,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(Compression) private readonly compression: Compression,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    this.origins = new Origins(config.allowedOrigins);
  }

  /** @param accepted is called with each new connection, before its first frame is read. */
  async handle(
    server: WebSocketServer,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    accepted: (connection: Connection) => void,
  ): Promise<void> {
    // Nobody else listens while the token is verified, and a reset would end the process.
    const onEarlyError = (): void => void socket.destroy();
    socket.on('error', onEarlyError);
    const upgrade = (then: (webSocket: WebSocket) => void): void => {
      socket.off('error', onEarlyError);
      // So that the answer and the first frame are one write.
      socket.cork();
      server.handleUpgrade(request, socket, head, then);
      socket.uncork();
    };
    try {
      this.limits.checkOverload();
      const target = this.checkedTarget(request, socket);
      if (target === undefined) return;
      this.checkStage();
      const address = this.limits.takeFromAddress(request);
      const presented = this.sessions.of(sessionSecretOf(request.headers, target.query));
      this.limits.checkRoom({ session: presented.id, address }, this.connections.count);
      const identity = await this.verified(request, target, presented, socket, address);
      const session = sessionOfUser(presented, identity?.user);
      this.pending.release(socket);
      await this.limits.takeConnect({ user: identity?.user, address, client: session.client });
      // The drain may have started meanwhile.
      this.checkStage();
      this.limits.checkRoom({ session: session.id, user: identity?.user, address }, this.connections.count);
      if (socket.destroyed) return;
      upgrade((webSocket) => {
        this.pending.accepted(socket);
        const connection = this.connections.open(
          webSocket,
          socket,
          session,
          identity,
          address,
          this.compression.isAccepted(request),
        );
        accepted(connection);
        connection.flush();
      });
    } catch (error) {
      if (socket.destroyed) return;
      // Whether the client reads the refusal is up to the client.
      this.pending.release(socket);
      const { code, detail } = this.refusal(error);
      const close = closeForError(code);
      if (close === undefined || !offersOurs(request.headers)) {
        this.refuse(socket, code, detail);
        return;
      }
      this.metrics.refusedUpgrades.inc({ code });
      upgrade((webSocket) => {
        // Whatever it sends until it is gone does not matter, including invalid frames.
        webSocket.on('error', () => undefined).close(CLOSE[close].code, CLOSE[close].reason);
      });
    }
  }

  /** Checks first what is cheapest: whether the upgrade can succeed at all. If not, it is refused at once. */
  private checkedTarget(request: IncomingMessage, socket: Duplex): Target | undefined {
    try {
      const target = targetOf(request);
      this.checkRequest(request, target);
      return target;
    } catch (error) {
      if (this.limits.takeRefusal()) throw error;
      socket.destroy();
      return undefined;
    }
  }

  /** Refuses an upgrade by an HTTP answer. */
  refuse(socket: Duplex, code: ErrorCode, detail?: string): void {
    this.metrics.refusedUpgrades.inc({ code });
    refuseOnSocket(socket, code, detail);
  }

  private refusal(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    this.log.write('upgrade.failed', { err: error });
    return new ProtocolError('internal');
  }

  private checkRequest(request: IncomingMessage, { path }: Target): void {
    const { headers, method } = request;
    if (path !== WEBSOCKET_PATH) throw new ProtocolError('not_found', `the WebSocket is at ${WEBSOCKET_PATH}`);
    // We would read what follows as frames, and a proxy in between as a body.
    const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
    if (hasBody) throw new ProtocolError('invalid', 'an upgrade must not have a body');
    const risk = smugglingRiskOf(request);
    if (risk !== undefined) throw new ProtocolError('invalid', risk);
    if (request.httpVersion !== '1.1') throw new ProtocolError('invalid', 'an upgrade must use HTTP/1.1');
    if (method !== 'GET') throw new ProtocolError('method_not_allowed', 'an upgrade must use GET');
    if (headers['sec-websocket-version'] !== '13') throw new ProtocolError('upgrade_required');
    if (!WEBSOCKET_KEY.test(headers['sec-websocket-key'] ?? '')) {
      throw new ProtocolError('invalid', 'Sec-WebSocket-Key must be 16 bytes in Base64');
    }
    if (this.origins.mayConnect(headers)) return;
    this.log.write('origin.refused', { origin: headers.origin?.slice(0, MAX_LOGGED_ORIGIN) });
    throw new ProtocolError('origin_forbidden');
  }

  private checkStage(): void {
    const { stage } = this.lifecycle;
    if (stage === 'starting' || stage === 'draining') throw new ProtocolError('draining');
  }

  private async verified(
    request: IncomingMessage,
    target: Target,
    session: Session,
    socket: Duplex,
    address: string | undefined,
  ): Promise<Identity | undefined> {
    this.verifying.enter(address);
    this.pending.hold(socket);
    try {
      return await this.identify(request, target, session, address);
    } finally {
      this.verifying.leave(address);
    }
  }

  /** Without a token the client is anonymous if that is allowed, and otherwise unknown until it sends `connect`. */
  private async identify(
    { headers }: IncomingMessage,
    { query }: Target,
    session: Session,
    address: string | undefined,
  ): Promise<Identity | undefined> {
    const { cookie, anonymous } = this.config.auth;
    const isLater = sendsTokenLater(headers);
    const token = isLater ? undefined : tokenOf(headers, query, cookie);
    // Whether the token is valid decides which rate counts. Beyond a number of checks, the shared rate applies first.
    const isTried = token !== undefined && this.admission.provesTokens && this.limits.takeTrial();
    if (!isTried) this.limits.takeUpgrade(false);
    const proven = await this.admission.prove(token);
    if (isTried) this.limits.takeUpgrade(true);
    if (token === undefined && (isLater || !anonymous)) return undefined;
    const identity = await this.admission.permit({ token, session, origin: headers.origin, address }, proven);
    if (this.blocked.has(identity.user)) throw new ProtocolError('forbidden');
    return identity;
  }
}

/** A target in origin form (RFC 9112, section 3.2.1). */
interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

function targetOf(request: IncomingMessage): Target {
  const target = request.url ?? '';
  if (!target.startsWith('/')) throw new ProtocolError('invalid', 'the request target is not valid');
  const end = target.indexOf('?');
  if (end === -1) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, end), query: new URLSearchParams(target.slice(end)) };
}
