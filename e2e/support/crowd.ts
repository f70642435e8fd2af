import type { WebSocket } from 'ws';
import { eventually } from './eventually.js';
import type { Namespace } from './namespace.js';
import { connect } from './socket.js';

const AT_ONCE = 50;

/** Clients that only hold connections. */
export class Crowd {
  readonly #sockets: WebSocket[] = [];

  private constructor() {}

  /** Connects anonymous clients through a Service of type NodePort. */
  static async join({ cluster, name: namespace }: Namespace, service: string, count: number): Promise<Crowd> {
    const { spec } = await cluster.core.readNamespacedService({ namespace, name: service });
    const [node] = (await cluster.nodes()).values();
    const address = `${node}:${spec?.ports?.[0]?.nodePort}`;
    const crowd = new Crowd();
    for (let joined = 0; joined < count; joined += AT_ONCE) {
      const batch = Array.from({ length: Math.min(AT_ONCE, count - joined) }, async () => {
        const { socket } = await eventually(() => connect({ address, host: service }));
        crowd.#sockets.push(socket);
      });
      await Promise.all(batch);
    }
    return crowd;
  }

  /** @throws Error if connections were closed. */
  expectWhole(): void {
    const closed = this.#sockets.filter(({ readyState, OPEN }) => readyState !== OPEN).length;
    if (closed > 0) throw new Error(`${closed} of ${this.#sockets.length} connections were closed`);
  }

  leave(): void {
    for (const socket of this.#sockets) socket.terminate();
  }
}
