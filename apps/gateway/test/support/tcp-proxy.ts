import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One address in front of several gateways, like a Service: each new connection goes to the current target. */
export interface TcpProxy {
  readonly port: number;
  target: number;
  /** Breaks every connection without a closing handshake, like a failing network or machine. */
  cut(): void;
  /** From now on existing connections transfer nothing, and neither end is notified: packets are lost. */
  vanish(): void;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const vanished = new WeakSet<Socket>();
  const server = createServer((client) => {
    const upstream = connect(proxy.target, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => vanished.has(from) || to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (!vanished.has(from)) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const vanish = (): void => {
    for (const socket of sockets) {
      vanished.add(socket);
      socket.unpipe();
      socket.resume();
    }
  };
  const proxy: TcpProxy = { port: (server.address() as AddressInfo).port, target, cut, vanish };
  onTestFinished(async () => {
    cut();
    server.close();
    await once(server, 'close');
  });
  return proxy;
}
