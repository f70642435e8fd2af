import type { IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';

export interface ConnectOptions {
  /** The address of the TCP connection, with a port if it is not 80. */
  readonly address: string;
  /** The host name that the ingress routes. */
  readonly host: string;
  /** NAME=VALUE, as sent by a browser. */
  readonly cookie?: string;
  /** A local address to connect from. */
  readonly localAddress?: string;
  /** Whether to use TLS, accepting any certificate. */
  readonly tls?: boolean;
  /** Additional headers of the upgrade. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether to offer the subprotocol: with it, a refusal is a close code, otherwise an HTTP status. */
  readonly subprotocol?: boolean;
}

export interface Connected {
  readonly socket: WebSocket;
  /** The pod that accepted the connection. */
  readonly pod: string;
  /** The Set-Cookie headers of the upgrade. */
  readonly setCookies: readonly string[];
}

/** A refused upgrade. */
export class UpgradeError extends Error {
  constructor(readonly status: number | undefined) {
    super(`the upgrade was answered ${status}`);
  }
}

/** A WebSocket that was closed before the gateway's welcome. */
export class CloseError extends Error {
  constructor(readonly code: number) {
    super(`closed with ${code} before the welcome`);
  }
}

/**
 * Opens a WebSocket and waits for the gateway's welcome.
 *
 * @throws UpgradeError if the response to the upgrade is not 101; CloseError if it is closed before a welcome.
 */
export function connect({
  address,
  host,
  cookie,
  localAddress,
  tls = false,
  headers,
  subprotocol = true,
}: ConnectOptions): Promise<Connected> {
  const options: ClientOptions & { servername: string } = {
    headers: { ...headers, host, ...(cookie === undefined ? {} : { cookie }) },
    servername: host,
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
  const socket = new WebSocket(
    `${tls ? 'wss' : 'ws'}://${address}/ws`,
    subprotocol ? ['holdfast.v1.json'] : [],
    options,
  );
  return new Promise((resolve, reject) => {
    let setCookies: readonly string[] = [];
    socket
      .on('upgrade', (response: IncomingMessage) => (setCookies = response.headers['set-cookie'] ?? []))
      .on('unexpected-response', (_request, response: IncomingMessage) => {
        reject(new UpgradeError(response.statusCode));
        socket.terminate();
      })
      .on('error', reject)
      .on('close', (code) => reject(new CloseError(code)))
      .once('message', (frame: Buffer) => {
        const { event, data } = JSON.parse(frame.toString()) as { event: string; data: { node: string } };
        if (event === 'welcome') resolve({ socket, pod: data.node, setCookies });
        else reject(new Error(`expected a welcome, got ${event}`));
      });
  });
}

/** The part of a Set-Cookie header that a browser would send back. */
export function cookieOf({ setCookies }: Connected, name: string): string | undefined {
  return setCookies.find((cookie) => cookie.startsWith(`${name}=`))?.split(';', 1)[0];
}

/** Milliseconds until the peer closes the socket, or `undefined` if it is still open after `within` ms. */
export function livesFor(socket: WebSocket, within: number): Promise<number | undefined> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), within);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(performance.now() - begun);
    });
  });
}
