import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { WebSocketServer, type WebSocket } from 'ws';

export const EPOCH = 'epoch-1';

interface Request {
  readonly event: string;
  readonly id: number;
  readonly data: Record<string, unknown>;
}

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly location?: string;
}

/** Handles a request instead of the fake gateway. Returns whether it did. */
type Script = (request: Request, connection: Connection) => boolean;

class Connection {
  readonly token: string | undefined;
  /** The code that the client closes with. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, token: string | undefined) {
    this.#socket = socket;
    this.token = token;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
  }

  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  reply({ id }: Request, data: object): void {
    this.send({ event: 'reply', id, data });
  }

  refuse({ id }: Request, code: string, message: string): void {
    this.send({ event: 'error', id, data: { code, message, retryable: false } });
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Breaks the connection, like a pod that is killed. */
  drop(): void {
    this.#socket.terminate();
  }
}

/** A gateway with one channel, and the part of the protocol that the command uses, with hooks for tests. */
export class FakeGateway {
  /** All requests, in order of arrival. */
  readonly requests: Request[] = [];
  readonly httpRequests: { url: string | undefined; headers: IncomingHttpHeaders; body: unknown }[] = [];
  /** All connections so far. */
  readonly connections: Connection[] = [];
  script: Script = () => false;
  httpAnswer: HttpAnswer = { status: 200, body: JSON.stringify({ epoch: EPOCH, offset: 7 }) };
  /** Closes connections at once, like a gateway that refuses them. */
  closeWith: { code: number; reason: string } | undefined;
  /** The oldest offset that can be replayed. */
  oldest = 1;

  readonly #server: Server;
  readonly #messages: { offset: number }[] = [];
  readonly #sockets: WebSocketServer;

  static async start(): Promise<FakeGateway> {
    const gateway = new FakeGateway();
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve));
    return gateway;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answerHttp(request, response);
    });
    this.#sockets = new WebSocketServer({ server: this.#server, handleProtocols: () => 'holdfast.v1.json' });
    this.#sockets.on('connection', (socket, { headers }) => {
      const token = /bearer\.([^\s,]+)/.exec(headers['sec-websocket-protocol'] ?? '')?.[1];
      this.#accept(socket, new Connection(socket, token));
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/ws`;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get latest(): Connection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('no client has connected');
    return connection;
  }

  requestsOf(event: string): Record<string, unknown>[] {
    return this.requests.filter((request) => request.event === event).map(({ data }) => data);
  }

  /** Stores a publication, and delivers it on the latest connection. */
  publish(channel: string, data: unknown, sender?: { client: string; user?: string }, isDelivered = true): number {
    const offset = this.#messages.length + 1;
    const message = { channel, offset, data, time: Date.UTC(2026, 0, 31, 12) + offset * 1000, sender };
    this.#messages.push(message);
    if (isDelivered) this.latest.send({ event: 'message', data: message });
    return offset;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #accept(socket: WebSocket, connection: Connection): void {
    this.connections.push(connection);
    if (this.closeWith !== undefined) return connection.close(this.closeWith.code, this.closeWith.reason);
    const node = `pod-${this.connections.length}`;
    const welcome = {
      client: 'client',
      session: 'session',
      node,
      ping: 8_000,
      maxPayload: 65_536,
      keyWindow: 300_000,
    };
    connection.send({ event: 'welcome', data: welcome });
    socket.on('message', (frame: Buffer) => {
      const request = JSON.parse(frame.toString()) as Request;
      this.requests.push(request);
      if (!this.script(request, connection)) this.#answer(request, connection);
    });
  }

  async #answerHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url, headers } = request;
    this.httpRequests.push({ url, headers, body: JSON.parse((await text(request)) || 'null') });
    const { status, body, location } = this.httpAnswer;
    response.writeHead(status, location === undefined ? {} : { location }).end(body);
  }

  #answer(request: Request, connection: Connection): void {
    const { event, data } = request;
    switch (event) {
      case 'publish':
        return connection.reply(request, {
          epoch: EPOCH,
          offset: this.publish(String(data['channel']), data['data'], { client: 'client' }, false),
        });
      case 'subscribe':
        return this.#subscribe(request, connection);
      default:
        return connection.reply(request, {});
    }
  }

  #subscribe(request: Request, connection: Connection): void {
    const {
      channel,
      since,
      last = 0,
    } = request.data as {
      channel: string;
      since?: { epoch: string; offset: number };
      last?: number;
    };
    const recovered = since?.epoch === EPOCH && since.offset >= this.oldest - 1;
    const replay = since === undefined ? this.#messages.slice(-last || this.#messages.length) : [];
    const missed = recovered ? this.#messages.filter(({ offset }) => offset > since.offset) : replay;
    connection.reply(request, {
      channel,
      epoch: EPOCH,
      offset: this.#messages.length,
      replay: missed.length,
      ...(since === undefined ? {} : { recovered }),
    });
    for (const message of missed) connection.send({ event: 'message', data: message });
  }
}
