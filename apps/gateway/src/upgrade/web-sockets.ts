import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { SUBPROTOCOL } from '@holdfast/protocol';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer, type ServerOptions } from 'ws';
import { CONFIG, type Config } from '../config/index.js';
import { CLOSE_WITHIN_MS, type Connection } from '../connection/connection.js';
import { Compression } from './compression.js';
import { Upgrades } from './upgrades.js';

/** A message of the largest size may come in fragments of this many bytes. Nobody has a reason to send smaller ones. */
const MIN_FRAGMENT = 64;

/** The WebSocket server, which gets its connections from the HTTP server's upgrades. */
@Injectable()
export class WebSockets implements OnModuleInit {
  readonly server: WebSocketServer;
  private readonly accepted: ((connection: Connection) => void)[] = [];

  constructor(
    @Inject(CONFIG) { connection: { maxPayload } }: Config,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(Upgrades) private readonly upgrades: Upgrades,
    @Inject(Compression) compression: Compression,
  ) {
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      maxPayload,
      maxFragments: maxPayload / MIN_FRAGMENT,
      clientTracking: false,
      closeTimeout: CLOSE_WITHIN_MS,
      // Pongs go through the connection's outbox and count against its budget.
      autoPong: false,
      // Ours compresses a message once for all of its recipients.
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    };
    this.server = new WebSocketServer(options);
    this.server.on('headers', (headers, request) => compression.answer(headers, request));
    // Handshakes that `ws` itself rejects.
    this.server.on('wsClientError', (error, socket) => upgrades.refuse(socket, 'invalid', error.message));
  }

  onModuleInit(): void {
    const http = this.adapterHost.httpAdapter.getHttpServer() as Server;
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.upgrades
        .handle(this.server, request, socket, head, (connection) => {
          for (const accept of this.accepted) accept(connection);
        })
        .catch(() => socket.destroy());
    });
  }

  /** @param accept is called with each new connection, before its first frame is read. */
  onAccept(accept: (connection: Connection) => void): void {
    this.accepted.push(accept);
  }
}
