import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { repeat, type Attack, type Target } from './attack.ts';

/** The most TCP connections that one attack holds open. */
const SOCKETS = 300;
/** Requests in one write: 64 KiB of them, as many as a parser may meet at once. */
const PIPELINED = 1_000;

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';

/** What is open, so that an attack that ends leaves nothing behind. */
class Sockets {
  readonly #open = new Set<Socket>();

  get size(): number {
    return this.#open.size;
  }

  open(port: number): Socket {
    const socket = connect(port, '127.0.0.1');
    this.#open.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#open.delete(socket));
    return socket;
  }

  closeAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

/** Writes the same to ever new connections, `held` of which are open at a time, and reads nothing. */
function unread(name: string, portOf: (target: Target) => number, text: string, held: number): Attack {
  return {
    name,
    async run(target, signal) {
      const sockets = new Sockets();
      await repeat(signal, async () => {
        if (sockets.size < held) sockets.open(portOf(target)).pause().write(text);
        await sleep(sockets.size < held ? 2 : 50);
      });
      sockets.closeAll();
    },
  };
}

function request(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`;
}

const gateway = ({ port }: Target): number => port;
const management = ({ managementPort }: Target): number => managementPort;

/** Without a token, by whoever reaches the ports. */
export const socketAttacks: readonly Attack[] = [
  unread(
    'pipelined requests for a large answer, none read',
    gateway,
    request('/api/openapi.json').repeat(PIPELINED),
    20,
  ),
  unread('pipelined requests for nothing, none read', gateway, request('/nothing').repeat(PIPELINED), 50),
  unread('pipelined requests for metrics, none read', management, request('/metrics').repeat(PIPELINED), 20),
  unread('one request each, none read', gateway, request('/api/openapi.json'), SOCKETS),
  unread('silent connections', gateway, '', SOCKETS),
  unread(
    'requests that never end',
    gateway,
    'POST /api/publish HTTP/1.1\r\nHost: gateway\r\nContent-Length: 9',
    SOCKETS,
  ),
  {
    name: 'upgrades to a path that does not exist',
    async run(target, signal) {
      const sockets = new Sockets();
      const flood = async (): Promise<void> => {
        const socket = sockets.open(target.port);
        socket.write(`GET /nope HTTP/1.1\r\nHost: gateway\r\n${UPGRADE}\r\n`);
        await Promise.race([once(socket, 'data'), sleep(1_000, undefined, { ref: false })]).catch(() => undefined);
        socket.destroy();
        await sleep(5);
      };
      await Promise.all(Array.from({ length: 10 }, () => repeat(signal, flood)));
      sockets.closeAll();
    },
  },
];
