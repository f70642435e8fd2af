import type { INestApplication, WsMessageHandler } from '@nestjs/common';
import { AbstractWsAdapter } from '@nestjs/websockets';
import type { WebSocketServer } from 'ws';
import type { Connection } from './connection/connection.js';
import { Dispatcher } from './connection/dispatcher.js';
import { WEBSOCKET_PATH } from './upgrade/upgrades.js';
import { WebSockets } from './upgrade/web-sockets.js';

/**
 * Lets Nest bind custom gateways to the connections: a `@WebSocketGateway()` adds its `@SubscribeMessage` events to the
 * protocol's. Upgrades, dispatch and close bypass Nest.
 */
export class HoldfastWsAdapter extends AbstractWsAdapter {
  private readonly webSockets: WebSockets;
  private readonly dispatcher: Dispatcher;

  constructor(app: INestApplication) {
    super(app);
    this.webSockets = app.get(WebSockets);
    this.dispatcher = app.get(Dispatcher);
  }

  override create(port: number, { path = WEBSOCKET_PATH }: { path?: unknown } = {}): WebSocketServer {
    if (port !== 0 || path !== WEBSOCKET_PATH) {
      throw new Error(`a @WebSocketGateway of Holdfast must not set a port, nor a path other than ${WEBSOCKET_PATH}`);
    }
    return this.webSockets.server;
  }

  override bindClientConnect(_server: WebSocketServer, callback: (connection: Connection) => void): void {
    this.webSockets.onAccept(callback);
  }

  override bindMessageHandlers(connection: Connection, handlers: WsMessageHandler[]): void {
    this.dispatcher.bind(connection, handlers);
  }

  override bindClientDisconnect(connection: Connection, callback: (reason: number) => void): void {
    connection.onDisconnect(callback);
  }

  /** The drain has already closed the connections, each with a code. What is left is to accept no more. */
  override async close(server: WebSocketServer): Promise<void> {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
