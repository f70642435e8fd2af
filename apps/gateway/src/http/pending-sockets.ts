import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Metrics } from '../metrics/metrics.js';

/** How long a client may take to read an answer, in ms. */
const READ_WITHIN_MS = 30_000;

/** How often sockets with an unread answer are checked, in ms. */
const LOOK_EVERY_MS = 1_000;

interface Answer {
  readonly response: ServerResponse;
  /** When the peer was first seen not to read; undefined while the handler is at work. */
  waitsSince: number | undefined;
}

/**
 * The TCP connections of a server that are not a WebSocket and have no request in progress: new ones, those that send a
 * request slowly or not at all, that do not read its answer, or that are idle. Their number is limited. If there are
 * too many, the one that was idle for longest is closed. So whoever holds connections open competes only with others of
 * their kind, and never with a client that asks for something.
 */
export class PendingSockets {
  /** Those that were idle for longest come first. */
  private readonly sockets = new Set<Duplex>();
  /** Of requests in progress, and of those whose answer the peer has not read. */
  private readonly answers = new Map<Duplex, Answer>();
  private readonly forget: (this: Duplex) => void;

  constructor(
    server: Server,
    private readonly max: number,
    private readonly metrics: Metrics,
  ) {
    const { sockets } = this;
    // One function for all, since it stays with a socket for its whole life.
    this.forget = function () {
      sockets.delete(this);
    };
    server.on('connection', (socket: Socket) => {
      socket.once('close', this.forget);
      this.add(socket);
    });
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      sockets.delete(socket);
      const answer: Answer = { response, waitsSince: undefined };
      this.answers.set(socket, answer);
      // The handler has finished: only the peer is missing.
      response.once('prefinish', () => this.waitForReader(socket, answer));
      response.once('close', () => {
        this.answers.delete(socket);
        if (!socket.destroyed) this.add(socket);
      });
    });
    server.prependListener('upgrade', ({ socket }: IncomingMessage) => this.add(socket));
    const refused = (): void => this.metrics.limited.inc({ limit: 'descriptors' });
    server.on('drop', refused);
    // The error of `accept` when no file descriptor is left. Errors of `listen` come earlier, and are not handled here.
    server.once('listening', () => server.on('error', refused));
    const timer = setInterval(() => this.look(performance.now()), LOOK_EVERY_MS).unref();
    server.once('close', () => clearInterval(timer));
  }

  get size(): number {
    return this.sockets.size;
  }

  /** Takes a socket out that another limit applies to, so that new connections do not push it out. */
  hold(socket: Duplex): void {
    this.sockets.delete(socket);
  }

  /** Puts a socket back that was held. */
  release(socket: Duplex): void {
    if (!socket.destroyed) this.add(socket);
  }

  /** The socket is now a WebSocket. */
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

  private waitForReader(socket: Duplex, answer: Answer): void {
    if (socket.destroyed) return;
    answer.waitsSince ??= performance.now();
    if (!this.sockets.has(socket)) this.add(socket);
  }

  /** Finds sockets that do not read what a handler is still writing, and closes those that have not read for too long. */
  private look(now: number): void {
    for (const [socket, answer] of this.answers) {
      const { response, waitsSince } = answer;
      if (!response.writableEnded && socket.writableLength === 0) {
        answer.waitsSince = undefined;
        this.sockets.delete(socket);
      } else if (waitsSince === undefined) {
        this.waitForReader(socket, answer);
      } else if (now - waitsSince > READ_WITHIN_MS) {
        this.metrics.limited.inc({ limit: 'unread' });
        socket.destroy();
      }
    }
  }
}
