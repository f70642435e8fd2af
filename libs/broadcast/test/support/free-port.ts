import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports of outgoing connections, so that a killed server gets its own port again. */
const FIRST_PORT = 10_000;
/** A cluster node listens on a second port. */
const BUS_DISTANCE = 10_000;
/** Files of tests that run at the same time have different ports: a server may take a while until it listens on its own. */
const SHARES = 8;
const SHARE = 1_500;

const begin = FIRST_PORT + (Number(process.env['VITEST_POOL_ID'] ?? process.pid) % SHARES) * SHARE;
const given = new Set<number>();

/**
 * A free port, for a server that has to restart on the same one. Calls of this process return different ones, for a long time.
 *
 * @param distances to further ports that the server uses.
 */
export async function freePort(distances: readonly number[] = [BUS_DISTANCE]): Promise<number> {
  if (given.size > SHARE) given.clear();
  for (;;) {
    const port = begin + Math.floor(Math.random() * SHARE);
    const ports = [0, ...distances].map((distance) => port + distance);
    if (ports.some((one) => given.has(one))) continue;
    for (const one of ports) given.add(one);
    const areFree = await Promise.all(ports.map(isFree));
    if (areFree.every(Boolean)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
