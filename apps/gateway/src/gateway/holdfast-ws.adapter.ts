import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { INestApplication, WsMessageHandler } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SUBPROTOCOL } from '@holdfast/protocol';
import type { WebSocketServer } from 'ws';
import { CONFIG, type Config } from '../config/index.js';
import { CLOSE_WITHIN_MS, type Connection } from '../connection/connection.js';
import { Dispatcher } from '../connection/dispatcher.js';
import { Upgrades, WEBSOCKET_PATH } from '../upgrade/upgrades.js';

/** A message of the largest size may come in fragments of this many bytes: nobody has a reason to send smaller ones. */
const MIN_FRAGMENT = 64;

/**
 * Nest's WebSocket adapter with our own upgrade, dispatch and close. Gateways of the same process share one path and one
 * server, so a `@WebSocketGateway()` of a user's own adds its `@SubscribeMessage` events to the protocol's.
 */
export class HoldfastWsAdapter extends WsAdapter {
  private readonly accept: ((connection: Connection) => void)[] = [];
  private webSocketServer: WebSocketServer | undefined;
  private stopListening: (() => void) | undefined;
  private readonly dispatcher: Dispatcher;

  constructor(private readonly app: INestApplication) {
    super(app);
    this.dispatcher = app.get(Dispatcher);
  }

  override create(port: number, options: Record<string, unknown> = {}): WebSocketServer {
    const { path = WEBSOCKET_PATH } = options;
    if (port !== 0 || path !== WEBSOCKET_PATH) {
      throw new Error(`a @WebSocketGateway of Holdfast takes no port and no path but ${WEBSOCKET_PATH}`);
    }
    // Classes that name the path and classes that do not are one server; Nest would make two of them.
    this.webSocketServer ??= this.createServer(port, { ...options, path });
    return this.webSocketServer;
  }

  private createServer(port: number, options: Record<string, unknown>): WebSocketServer {
    const { maxPayload } = this.app.get<Config>(CONFIG).connection;
    const server = super.create(port, {
      ...options,
      maxPayload,
      maxFragments: maxPayload / MIN_FRAGMENT,
      clientTracking: false,
      closeTimeout: CLOSE_WITHIN_MS,
      // Pongs go through the connection's outbox and count against its budget.
      autoPong: false,
      perMessageDeflate: false,
      handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    }) as WebSocketServer;
    // What `ws` itself finds wrong with a handshake.
    server.on('wsClientError', (error: Error, socket: Duplex) =>
      this.app.get(Upgrades).refuse(socket, 'invalid', error.message),
    );
    return server;
  }

  override bindClientConnect(_server: WebSocketServer, callback: (connection: Connection) => void): void {
    this.accept.push(callback);
  }

  override bindMessageHandlers(connection: Connection, handlers: WsMessageHandler[]): void {
    this.dispatcher.bind(connection, handlers);
  }

  override bindClientDisconnect(connection: Connection, callback: (reason: number) => void): void {
    connection.onDisconnect(callback);
  }

  /** Connections were closed by the drain, each with a code; what remains is to take no more of them. */
  override async close(server: WebSocketServer): Promise<void> {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  protected override ensureHttpServerExists(port: number, httpServer?: Server): undefined {
    if (httpServer === undefined || this.httpServersRegistry.has(port)) return;
    this.httpServersRegistry.set(port, httpServer);
    const upgrades = this.app.get(Upgrades);
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (this.webSocketServer === undefined) {
        socket.destroy();
        return;
      }
      upgrades
        .handle(this.webSocketServer, request, socket, head, (connection) => {
          for (const accept of this.accept) accept(connection);
        })
        .catch(() => socket.destroy());
    };
    httpServer.on('upgrade', listener);
    this.stopListening = () => httpServer.off('upgrade', listener);
  }

  override async dispose(): Promise<void> {
    this.stopListening?.();
    await super.dispose();
  }
}
