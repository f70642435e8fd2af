import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Metrics } from '../metrics/metrics.js';

/**
 * The TCP connections of a server that are no WebSocket and have no request under way: those that have just come, that
 * send their request slowly or never, that wait for their next one. There may be so many of them, and where another one
 * comes, the one goes that did nothing for longest. So whoever holds connections open takes the place of others of its
 * kind, and never that of a client who asks for something.
 */
export class PendingSockets {
  /** Those that did nothing for longest come first. */
  private readonly sockets = new Set<Duplex>();
  private readonly forget: (this: Duplex) => void;

  constructor(
    server: Server,
    private readonly max: number,
    private readonly metrics: Metrics,
  ) {
    const { sockets } = this;
    // One function for all: it stays with a socket for as long as that is open.
    this.forget = function () {
      sockets.delete(this);
    };
    server.on('connection', (socket: Socket) => {
      socket.once('close', this.forget);
      this.add(socket);
    });
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      sockets.delete(socket);
      response.once('close', () => {
        if (!socket.destroyed) this.add(socket);
      });
    });
    server.prependListener('upgrade', ({ socket }: IncomingMessage) => this.add(socket));
  }

  get size(): number {
    return this.sockets.size;
  }

  /** Somebody else bounds how many such sockets there are, and for how long: another one takes no place of this one. */
  hold(socket: Duplex): void {
    this.sockets.delete(socket);
  }

  /** A socket that was held is one of many again. */
  release(socket: Duplex): void {
    if (!socket.destroyed) this.add(socket);
  }

  /** The socket is a WebSocket's from now on. */
  accepted(socket: Duplex): void {
    this.sockets.delete(socket);
    socket.off('close', this.forget);
  }

  private add(socket: Duplex): void {
    this.sockets.delete(socket);
    this.sockets.add(socket);
    if (this.sockets.size <= this.max) return;
    const [oldest] = this.sockets;
    this.metrics.limited.inc({ limit: 'pending' });
    oldest?.destroy();
    if (oldest !== undefined) this.sockets.delete(oldest);
  }
}
