import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

export interface IngressOptions {
  /** Whether it sets the cookie. */
  readonly setsCookie?: boolean;
  /** Whether it obeys the cookie. */
  readonly obeysCookie?: boolean;
  /** How many upgrades it refuses at first, like a controller that does not have the route yet. */
  readonly refuses?: number;
}

/**
 * Does what an ingress controller does for WebSockets: sends each upgrade to the next pod, or to the pod in the cookie `route`.
 *
 * @param ports of the pods, on this machine.
 * @returns its port.
 */
export async function startStickyIngress(
  ports: readonly number[],
  { setsCookie = true, obeysCookie = true, refuses = 0 }: IngressOptions = {},
): Promise<number> {
  const sockets = new Set<Duplex>();
  let turn = 0;
  let refused = 0;
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, client: Duplex) => {
    if (refused < refuses) {
      refused += 1;
      client.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
      return;
    }
    const remembered = /\broute=(\d+)/.exec(request.headers.cookie ?? '')?.[1];
    const place = remembered !== undefined && obeysCookie ? Number(remembered) : turn++ % ports.length;
    const upstream = connect(ports[place] ?? 0, '127.0.0.1');
    const headers = request.rawHeaders.map((text, index) => (index % 2 === 0 ? `\r\n${text}: ` : text)).join('');
    upstream.write(`GET ${request.url} HTTP/1.1${headers}\r\n\r\n`);
    upstream.once('data', (answer: Buffer) => {
      const [status = '', ...rest] = answer.toString('latin1').split('\r\n');
      const cookie = setsCookie ? [`Set-Cookie: route=${place}; Path=/; HttpOnly`] : [];
      client.write(Buffer.from([status, ...cookie, ...rest].join('\r\n'), 'latin1'));
      upstream.pipe(client);
    });
    client.pipe(upstream);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}
