import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Metrics } from '../metrics/metrics.js';

/** How long a client may take to read an answer, in ms. */
const READ_WITHIN_MS = 30_000;

/** How often those are looked at that read an answer, in ms. */
const LOOK_EVERY_MS = 1_000;

interface Answer {
  readonly response: ServerResponse;
  /** When the peer was first seen not to have read it; undefined while the handler has the turn. */
  waitsSince: number | undefined;
}

/**
 * The TCP connections of a server that are no WebSocket and have no request under way: those that have just come, that
 * send their request slowly or never, that do not read its answer, that wait for their next one. There may be so many of
 * them, and if another one comes, the one goes that did nothing for longest. So whoever holds connections open takes the
 * place of others of its kind, and never that of a client who asks for something.
 */
export class PendingSockets {
  /** Those that did nothing for longest come first. */
  private readonly sockets = new Set<Duplex>();
  /** Of the requests that are under way, and of those whose answer waits for its reader. */
  private readonly answers = new Map<Duplex, Answer>();
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
      const answer: Answer = { response, waitsSince: undefined };
      this.answers.set(socket, answer);
      // The handler is through: only the peer is waited for.
      response.once('prefinish', () => this.waitForReader(socket, answer));
      response.once('close', () => {
        this.answers.delete(socket);
        if (!socket.destroyed) this.add(socket);
      });
    });
    server.prependListener('upgrade', ({ socket }: IncomingMessage) => this.add(socket));
    const refused = (): void => this.metrics.limited.inc({ limit: 'descriptors' });
    server.on('drop', refused);
    // What `accept` fails with when no file descriptor is left; errors of `listen` come before, and are not ours.
    server.once('listening', () => server.on('error', refused));
    const timer = setInterval(() => this.look(performance.now()), LOOK_EVERY_MS).unref();
    server.once('close', () => clearInterval(timer));
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

  private waitForReader(socket: Duplex, answer: Answer): void {
    if (socket.destroyed) return;
    answer.waitsSince ??= performance.now();
    if (!this.sockets.has(socket)) this.add(socket);
  }

  /** Finds those that do not read what a handler is still writing, and ends those that did not read for too long. */
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
