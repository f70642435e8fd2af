import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { repeat, type Attack, type Target } from './attack.ts';

/** The maximum number of TCP connections of one attack. */
const SOCKETS = 300;
/** Requests in one write: 64 KiB of them, the most that the parser reads at once. */
const PIPELINED = 1_000;

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';

/** The open sockets, so that an attack closes all of them at its end. */
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

/** Writes the same text to new connections, `held` of which are open at a time, and reads nothing. */
function withoutReading(name: string, portOf: (target: Target) => number, text: string, held: number): Attack {
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

/** Without a token, by somebody with access to the ports. */
export const socketAttacks: readonly Attack[] = [
  withoutReading(
    'pipelined requests for a large response, without reading',
    gateway,
    request('/api/openapi.json').repeat(PIPELINED),
    20,
  ),
  withoutReading(
    'pipelined requests for an unknown path, without reading',
    gateway,
    request('/nothing').repeat(PIPELINED),
    50,
  ),
  withoutReading(
    'pipelined requests for metrics, without reading',
    management,
    request('/metrics').repeat(PIPELINED),
    20,
  ),
  withoutReading('one request per connection, without reading', gateway, request('/api/openapi.json'), SOCKETS),
  withoutReading('silent connections', gateway, '', SOCKETS),
  withoutReading(
    'incomplete requests',
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
