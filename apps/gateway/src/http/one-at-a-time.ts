import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Ends the head of a request, and a body that comes in chunks. */
const END = '\r\n\r\n';

/** How many bytes of later requests all sockets of a server together may have waiting here. */
const MAX_WAITING_BYTES = 4_194_304;

const EMPTY = Buffer.alloc(0);

/** A socket that speaks HTTP. */
interface Speaker {
  /** Node's own listener, which parses. */
  readonly parse: (chunk: Buffer) => void;
  /** The request that was parsed last; undefined before the first and while none is under way. */
  request: IncomingMessage | undefined;
  response: ServerResponse | undefined;
  /** How much of the request's body is not parsed yet. Infinity if it comes in chunks. */
  bodyLeft: number;
  /** The last bytes that were parsed, in which an {@link END} may have begun. */
  tail: string;
  /** What came after the request that is under way. */
  waiting: Buffer;
  /** Whether anything that came after the request under way was dropped, so that it has to be the last one. */
  isLast: boolean;
}

/**
 * Has a server handle one request of each socket at a time. Node's parser makes requests of all that a chunk holds and
 * has them handled side by side, however many there are and whether or not anybody reads the answers. Here the next
 * request of a socket is not even parsed until the kernel has taken the answer to the one before it.
 *
 * A client that sends more than `maxWaiting` bytes ahead is answered the request that is under way, with
 * `Connection: close`.
 */
export class OneAtATime {
  private readonly speakers = new Map<Socket, Speaker>();
  private waitingBytes = 0;
  /** Whether each answer ends its connection. */
  private isClosing = false;

  constructor(
    server: Server,
    private readonly maxWaiting: number,
  ) {
    const { speakers } = this;
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
      const [parse] = socket.listeners('data') as Speaker['parse'][];
      if (parse === undefined) throw new Error('this version of Node parses HTTP in another way');
      socket.off('data', parse).on('data', onData).once('close', onClose);
      speakers.set(socket, {
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
    // Any other expectation than 100-continue may be ignored (RFC 9110, section 10.1.1); Node would answer by itself.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  }

  /** From now on each answer says `Connection: close`, also those to requests that are under way. */
  closeEach(): void {
    this.isClosing = true;
    for (const { response } of this.speakers.values()) if (response !== undefined) endsConnection(response);
  }

  /** How many requests are under way. */
  get underWay(): number {
    let count = 0;
    for (const { response } of this.speakers.values()) if (response !== undefined) count += 1;
    return count;
  }

  private begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const speaker = this.speakers.get(socket);
    if (speaker === undefined) return;
    speaker.request = request;
    speaker.response = response;
    const { 'transfer-encoding': coding, 'content-length': length } = request.headers;
    speaker.bodyLeft = coding === undefined ? Number(length ?? 0) : Infinity;
    if (this.isClosing) endsConnection(response);
    response.once('close', () => this.end(socket, speaker));
  }

  private end(socket: Socket, speaker: Speaker): void {
    speaker.response = undefined;
    if (socket.destroyed || socket.writableEnded) return;
    if (speaker.isLast) {
      socket.destroySoon();
      return;
    }
    if (speaker.waiting.length === 0) return;
    const { waiting } = speaker;
    this.keep(speaker, EMPTY);
    this.take(socket, waiting);
    if (speaker.waiting.length === 0) socket.resume();
  }

  private take(socket: Socket, chunk: Buffer): void {
    const speaker = this.speakers.get(socket);
    if (speaker === undefined) return;
    let rest = chunk;
    // An answer that ends the connection was given, or what came is no HTTP: nobody looks at the rest.
    while (rest.length > 0 && !socket.destroyed && !socket.writableEnded) {
      const size = sizeOfNext(speaker, rest);
      if (size === 0) {
        this.wait(socket, speaker, rest);
        return;
      }
      const next = size < rest.length ? rest.subarray(0, size) : rest;
      rest = rest.subarray(size);
      speaker.tail = (speaker.tail + next.toString('latin1', Math.max(0, next.length - END.length + 1))).slice(
        -END.length + 1,
      );
      if (isBodyComing(speaker)) speaker.bodyLeft -= next.length;
      speaker.parse.call(socket, next);
      if (this.speakers.get(socket) !== speaker) {
        // An upgrade: what follows is for whoever took the socket.
        if (rest.length > 0 && !socket.destroyed) socket.unshift(rest);
        return;
      }
    }
  }

  private wait(socket: Socket, speaker: Speaker, rest: Buffer): void {
    socket.pause();
    if (speaker.isLast) return;
    const waiting = Buffer.concat([speaker.waiting, rest]);
    if (waiting.length <= this.maxWaiting && this.waitingBytes + rest.length <= MAX_WAITING_BYTES) {
      this.keep(speaker, waiting);
      return;
    }
    this.keep(speaker, EMPTY);
    speaker.isLast = true;
    if (speaker.response !== undefined) endsConnection(speaker.response);
  }

  private keep(speaker: Speaker, waiting: Buffer): void {
    this.waitingBytes += waiting.length - speaker.waiting.length;
    speaker.waiting = waiting;
  }

  private forget(socket: Socket): void {
    const speaker = this.speakers.get(socket);
    if (speaker === undefined) return;
    this.keep(speaker, EMPTY);
    this.speakers.delete(socket);
  }
}

function isBodyComing({ request }: Speaker): boolean {
  return request !== undefined && !request.complete;
}

/** How much of what came may be parsed now, so that it holds no more than one request: 0 while one is under way. */
function sizeOfNext(speaker: Speaker, bytes: Buffer): number {
  if (!isBodyComing(speaker)) return speaker.response === undefined ? sizeToEnd(speaker.tail, bytes) : 0;
  return speaker.bodyLeft === Infinity ? sizeToEnd(speaker.tail, bytes) : Math.max(1, speaker.bodyLeft);
}

/** Up to the next {@link END}, which may have begun in what was parsed before, or else all of it. */
function sizeToEnd(tail: string, bytes: Buffer): number {
  const begun = (tail + bytes.toString('latin1', 0, END.length - 1)).indexOf(END);
  if (begun !== -1) return begun + END.length - tail.length;
  const end = bytes.indexOf(END, 0, 'latin1');
  return end === -1 ? bytes.length : end + END.length;
}

/** Has the answer say `Connection: close`, unless it has begun. */
function endsConnection(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}
