import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** ms between two pieces. */
const TURN = 100;

/** A proxy between a broker and its server that can limit what the server sends, like a network with too little bandwidth. */
export class ThrottledProxy {
  /** Bytes per second of each connection; undefined without a limit. */
  limit: number | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      near.pipe(far);
      const turns = setInterval(() => this.#pass(far, near), TURN);
      far.on('readable', () => {
        if (this.limit === undefined) this.#pass(far, near);
      });
      const end = (): void => {
        clearInterval(turns);
        near.destroy();
        far.destroy();
        this.#sockets.delete(near);
      };
      this.#sockets.add(near);
      for (const socket of [near, far]) socket.on('error', end).on('close', end);
    });
  }

  static async start(target: number): Promise<ThrottledProxy> {
    const proxy = new ThrottledProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(far: Socket, near: Socket): void {
    const most = this.limit === undefined ? far.readableLength : (this.limit * TURN) / 1_000;
    const size = Math.min(Math.floor(most), far.readableLength);
    const data = size === 0 ? null : (far.read(size) as Buffer | null);
    if (data !== null) near.write(data);
  }
}
