import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports of outgoing connections, so that a killed server gets its own port again. */
const FIRST_PORT = 10_000;
const PORTS = 12_000;
/** A cluster node listens on a second port. */
const BUS_DISTANCE = 10_000;

/**
 * A free port, for a server that has to restart on the same one.
 *
 * @param distances to further ports that the server uses.
 */
export async function freePort(distances: readonly number[] = [BUS_DISTANCE]): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const areFree = await Promise.all([0, ...distances].map(async (distance) => isFree(port + distance)));
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
