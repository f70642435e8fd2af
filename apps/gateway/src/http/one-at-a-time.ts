import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Ends the head of a request, and a chunked body. */
const END = '\r\n\r\n';

/** How many bytes of later requests may wait here for all sockets of a server together. */
const MAX_WAITING_BYTES = 4_194_304;

const EMPTY = Buffer.alloc(0);

/** A socket that speaks HTTP. */
interface HttpSocket {
  /** Node's own listener, which parses. */
  readonly parse: (chunk: Buffer) => void;
  /** The request that was parsed last; undefined if none is in progress. */
  request: IncomingMessage | undefined;
  response: ServerResponse | undefined;
  /** How much of the request's body is not parsed yet. Infinity if it is chunked. */
  bodyLeft: number;
  /** The last bytes that were parsed: an {@link END} may have started in them. */
  tail: string;
  /** What arrived after the request in progress. */
  waiting: Buffer;
  /** Whether anything that arrived after the request in progress was dropped, so that it must be the last one. */
  isLast: boolean;
}

/**
 * Makes a server handle one request per socket at a time. Node's parser turns a chunk into requests and handles all of
 * them side by side, however many there are and whether or not anybody reads the answers. Here the next request of a
 * socket is not even parsed until the kernel has taken the answer to the previous one.
 *
 * If a client sends more than `maxWaiting` bytes ahead, the request in progress is answered with `Connection: close`.
 */
export class OneAtATime {
  private readonly sockets = new Map<Socket, HttpSocket>();
  private waitingBytes = 0;
  /** Whether each answer closes its connection. */
  private isClosing = false;

  constructor(
    server: Server,
    private readonly maxWaiting: number,
  ) {
    const { sockets } = this;
    const take = (socket: Socket, chunk: Buffer): void => this.take(socket, chunk);
    // One function for all sockets.
    const onData = function (this: Socket, chunk: Buffer): void {
      take(this, chunk);
    };
    const forget = (socket: Socket): void => this.forget(socket);
    const onClose = function (this: Socket): void {
      forget(this);
    };
    server.on('connection', (socket: Socket) => {
      const [parse] = socket.listeners('data') as HttpSocket['parse'][];
      if (parse === undefined)
        throw new Error('unsupported version of Node: its HTTP server has no data listener to replace');
      socket.off('data', parse).on('data', onData).once('close', onClose);
      sockets.set(socket, {
        parse,
        request: undefined,
        response: undefined,
        bodyLeft: 0,
        tail: '',
        waiting: EMPTY,
        isLast: false,
      });
    });
    server.prependListener('request', (request, response) => this.begin(request, response));
    server.prependListener('upgrade', ({ socket }: IncomingMessage) => {
      socket.off('data', onData).off('close', onClose);
      forget(socket);
    });
    // Any expectation other than 100-continue may be ignored (RFC 9110, section 10.1.1). Node would answer on its own.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  }

  /** From now on each answer says `Connection: close`, including those to requests in progress. */
  closeEach(): void {
    this.isClosing = true;
    for (const { response } of this.sockets.values()) if (response !== undefined) endsConnection(response);
  }

  /** How many requests are in progress. */
  get underWay(): number {
    let count = 0;
    for (const { response } of this.sockets.values()) if (response !== undefined) count += 1;
    return count;
  }

  private begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const http = this.sockets.get(socket);
    if (http === undefined) return;
    http.request = request;
    http.response = response;
    const { 'transfer-encoding': coding, 'content-length': length } = request.headers;
    http.bodyLeft = coding === undefined ? Number(length ?? 0) : Infinity;
    if (this.isClosing) endsConnection(response);
    response.once('close', () => this.end(socket, http));
  }

  private end(socket: Socket, http: HttpSocket): void {
    http.response = undefined;
    if (socket.destroyed || socket.writableEnded) return;
    if (http.isLast) {
      socket.destroySoon();
      return;
    }
    if (http.waiting.length === 0) return;
    const { waiting } = http;
    this.keep(http, EMPTY);
    this.take(socket, waiting);
    if (http.waiting.length === 0) socket.resume();
  }

  private take(socket: Socket, chunk: Buffer): void {
    const http = this.sockets.get(socket);
    if (http === undefined) return;
    let rest = chunk;
    // If an answer closed the connection, or the bytes were not HTTP, the rest is ignored.
    while (rest.length > 0 && !socket.destroyed && !socket.writableEnded) {
      const size = sizeOfNext(http, rest);
      if (size === 0) {
        this.wait(socket, http, rest);
        return;
      }
      const next = size < rest.length ? rest.subarray(0, size) : rest;
      rest = rest.subarray(size);
      http.tail = (http.tail + next.toString('latin1', Math.max(0, next.length - END.length + 1))).slice(
        -END.length + 1,
      );
      if (isBodyComing(http)) http.bodyLeft -= next.length;
      http.parse.call(socket, next);
      if (this.sockets.get(socket) !== http) {
        // An upgrade: what follows belongs to the new owner of the socket.
        if (rest.length > 0 && !socket.destroyed) socket.unshift(rest);
        return;
      }
    }
  }

  private wait(socket: Socket, http: HttpSocket, rest: Buffer): void {
    socket.pause();
    if (http.isLast) return;
    const waiting = Buffer.concat([http.waiting, rest]);
    if (waiting.length <= this.maxWaiting && this.waitingBytes + rest.length <= MAX_WAITING_BYTES) {
      this.keep(http, waiting);
      return;
    }
    this.keep(http, EMPTY);
    http.isLast = true;
    if (http.response !== undefined) endsConnection(http.response);
  }

  private keep(http: HttpSocket, waiting: Buffer): void {
    this.waitingBytes += waiting.length - http.waiting.length;
    http.waiting = waiting;
  }

  private forget(socket: Socket): void {
    const http = this.sockets.get(socket);
    if (http === undefined) return;
    this.keep(http, EMPTY);
    this.sockets.delete(socket);
  }
}

function isBodyComing({ request }: HttpSocket): boolean {
  return request !== undefined && !request.complete;
}

/** How many bytes may be parsed now without starting a second request: 0 while one is in progress. */
function sizeOfNext(http: HttpSocket, bytes: Buffer): number {
  if (!isBodyComing(http)) return http.response === undefined ? sizeToEnd(http.tail, bytes) : 0;
  return http.bodyLeft === Infinity ? sizeToEnd(http.tail, bytes) : Math.max(1, http.bodyLeft);
}

/** Up to the next {@link END}, which may have started in what was parsed before, or else everything. */
function sizeToEnd(tail: string, bytes: Buffer): number {
  const begun = (tail + bytes.toString('latin1', 0, END.length - 1)).indexOf(END);
  if (begun !== -1) return begun + END.length - tail.length;
  const end = bytes.indexOf(END, 0, 'latin1');
  return end === -1 ? bytes.length : end + END.length;
}

/** Makes the answer say `Connection: close`, unless its head was already sent. */
function endsConnection(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}
