import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Dialect, Position } from './dialect.ts';
import { inflated } from './compression.ts';
import { clientFrame, FrameReader, OPCODE } from './frames.ts';

/** Any key works (RFC 6455, section 1.3), and the response to this one is known. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const LOCALHOST = '127.0.0.1';

/** The time limit for a reply, in ms. */
const ANSWER_WITHIN_MS = 20_000;

/** All sockets read into the same buffer, one after the other. */
const PIECE = Buffer.allocUnsafeSlow(65_536);

/** Called for each frame with messages; `data` is only valid during the call. */
export type OnMessages = (count: number, data: Buffer, start: number, end: number) => void;

export interface ClientOptions {
  /** This machine by default. */
  readonly host?: string;
  readonly port: number;
  readonly dialect: Dialect;
  readonly token: string;
  readonly onMessages?: OnMessages | undefined;
}

/** A client on a raw socket, which counts messages without parsing them. */
export class Client {
  /** The number of received messages. */
  messages = 0;
  /** The error, if the server closed the connection or refused a request. */
  failure: string | undefined;
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  #head: string | undefined = '';
  #texts: string[] = [];
  #waiting: { resolve(text: string): void; reject(error: Error): void } | undefined;
  #lastId = 1;
  #closing = false;
  #queued: Buffer[] | undefined;

  private constructor(options: ClientOptions) {
    this.#options = options;
    this.#socket = connect({
      host: options.host ?? LOCALHOST,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: PIECE,
        callback: (length) => {
          this.#read(PIECE.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('the connection was closed'));
  }

  /** Connects and authenticates. */
  static async open(options: ClientOptions): Promise<Client> {
    const client = new Client(options);
    const { dialect, token, port, host = LOCALHOST } = options;
    const { target, headers = {} } = dialect.upgrade(token);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    client.#socket.write(
      `GET ${target} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${lines.join('')}\r\n`,
    );
    await client.#text();
    if (dialect.greets) await client.#text();
    if (dialect.connect !== undefined) {
      client.#send(dialect.connect(token));
      await client.#text();
    }
    return client;
  }

  /** The number of received bytes. */
  get bytes(): number {
    return this.#socket.bytesRead;
  }

  /** @returns the reply. */
  subscribe(channel: string, since?: Position): Promise<string> {
    this.#send(this.#options.dialect.subscribe(channel, (this.#lastId += 1), since));
    return this.#text();
  }

  publish(channel: string, data: string): void {
    this.#send(this.#options.dialect.publish(channel, data, (this.#lastId += 1)));
  }

  /** Sends a ping without waiting for the answer. */
  ping(): void {
    const { ping } = this.#options.dialect;
    if (ping !== undefined) this.#send(ping((this.#lastId += 1)));
  }

  /** Resolves when `count` messages have arrived in total. */
  async received(count: number): Promise<void> {
    const deadline = performance.now() + ANSWER_WITHIN_MS;
    while (this.messages < count) {
      if (this.failure !== undefined) throw new Error(this.failure);
      if (performance.now() > deadline) throw new Error(`${this.messages} of ${count} messages arrived`);
      await setImmediate();
    }
  }

  /** Combines everything sent until {@link uncork} into one write. */
  cork(): void {
    this.#queued = [];
  }

  uncork(): void {
    const queued = this.#queued ?? [];
    this.#queued = undefined;
    if (queued.length > 0) this.#socket.write(Buffer.concat(queued));
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #send(text: string): void {
    const frame = clientFrame(OPCODE.text, text);
    if (this.#queued === undefined) this.#socket.write(frame);
    else this.#queued.push(frame);
  }

  /** The next text that is neither a message nor a heartbeat; the first one is the head of the response to the upgrade. */
  async #text(): Promise<string> {
    const text = this.#texts.shift();
    if (text !== undefined) return text;
    if (this.failure !== undefined) throw new Error(this.failure);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting = { resolve, reject };
    const timer = setTimeout(() => this.#fail('no answer in time'), ANSWER_WITHIN_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #deliver(text: string): void {
    if (this.#waiting !== undefined) {
      this.#waiting.resolve(text);
      this.#waiting = undefined;
    } else if (this.#texts.length < 2) {
      // Replies to publishes are not awaited.
      this.#texts.push(text);
    }
  }

  #read(piece: Buffer): void {
    if (this.#head === undefined) {
      this.#reader.read(piece, this);
      return;
    }
    this.#head += piece.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#head.slice(0, end);
    if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(ACCEPT)) {
      this.#fail(`the upgrade was refused: ${this.#head}`);
      return;
    }
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1');
    this.#head = undefined;
    this.#deliver(head);
    if (rest.length > 0) this.#reader.read(rest, this);
  }

  /** @internal */
  frame(opcode: number, data: Buffer, start: number, end: number, isCompressed: boolean): void {
    if (isCompressed) {
      const plain = inflated(data.subarray(start, end));
      this.frame(opcode, plain, 0, plain.length, false);
    } else if (opcode === OPCODE.text) {
      const count = this.#options.dialect.messages(data, start, end);
      if (count > 0) {
        this.messages += count;
        this.#options.onMessages?.(count, data, start, end);
      } else {
        this.#control(data.toString('utf8', start, end));
      }
    } else if (opcode === OPCODE.ping) {
      this.#socket.write(clientFrame(OPCODE.pong, data.subarray(start, end)));
    } else if (opcode === OPCODE.close) {
      this.#fail(`closed with ${end - start >= 2 ? data.readUInt16BE(start) : 'no code'}`);
    }
  }

  #control(text: string): void {
    const { dialect } = this.#options;
    const pong = dialect.pong?.(text);
    if (pong !== undefined) this.#send(pong);
    else if (dialect.isError(text)) this.#fail(text);
    else this.#deliver(text);
  }

  #fail(reason: string): void {
    if (this.#closing) return;
    this.failure ??= reason;
    this.#waiting?.reject(new Error(this.failure));
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}
