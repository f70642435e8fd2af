import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished, vi } from 'vitest';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** A TCP connection that sends whatever the test writes, and is closed with the test. */
export class RawSocket {
  readonly closed: Promise<void>;
  private readonly chunks: Buffer[] = [];

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    onTestFinished(() => void socket.destroy());
  }

  static async connect(port: number): Promise<RawSocket> {
    const socket = connect(port, '127.0.0.1');
    const raw = new RawSocket(socket);
    await once(socket, 'connect');
    return raw;
  }

  /** Upgrades to a WebSocket, whose frames the test writes itself. */
  static async webSocket(port: number, path?: string, headers?: Readonly<Record<string, string>>): Promise<RawSocket> {
    const raw = await RawSocket.connect(port);
    raw.write(upgradeRequest({ path, headers }));
    await raw.until((received) => received.includes('\r\n\r\n'));
    if (!raw.received.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(raw.received.toString());
    return raw;
  }

  write(...parts: readonly (string | Buffer)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** The data after the HTTP response. */
  get frames(): Buffer {
    return this.received.subarray(this.received.indexOf('\r\n\r\n') + 4);
  }

  async until(matches: (received: Buffer) => boolean): Promise<void> {
    await vi.waitFor(
      () => {
        if (!matches(this.received)) throw new Error(`not received yet, only ${this.received.toString('latin1')}`);
      },
      { interval: 5, timeout: 15_000 },
    );
  }

  /** The response to a request after which the gateway closes the connection. */
  async answer(): Promise<HttpAnswer> {
    await this.closed;
    const text = this.received.toString();
    const [head = '', body = ''] = text.split('\r\n\r\n', 2);
    const [statusLine = '', ...lines] = head.split('\r\n');
    const headers = new Headers(lines.map((line) => line.split(': ', 2) as [string, string]));
    return { status: Number(statusLine.split(' ')[1]), headers, body: body === '' ? undefined : JSON.parse(body) };
  }
}

export interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
}

/** An upgrade request (RFC 6455, section 4.1); a header given as undefined is omitted. */
export function upgradeRequest({ method = 'GET', path = '/ws', headers = {} }: UpgradeRequest = {}): string {
  const all = {
    Host: 'gateway.test',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE_FRAME = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** A client's frame (RFC 6455, section 5.2), masked with zeros so that it remains readable. */
export function clientFrame(opcode: number, payload: string | Buffer): Buffer {
  const data = Buffer.from(payload);
  const length =
    data.length < 126
      ? Buffer.from([0x80 | data.length])
      : data.length < 65_536
        ? Buffer.from([0x80 | 126, data.length >> 8, data.length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | 127, 0, 0, 0, 0]), uint32(data.length)]);
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, Buffer.alloc(4), data]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
