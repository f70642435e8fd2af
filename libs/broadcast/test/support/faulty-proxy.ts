import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A proxy between a broker and its server that changes the server's data. */
export class FaultyProxy {
  /** ms by which each answer is delayed. */
  delay = 0;
  /** Changes each chunk that the server sends. */
  transform: (data: Buffer) => Buffer = (data) => data;
  readonly #clients = new Set<Socket>();
  readonly #server: Server;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      this.#clients.add(near);
      const end = (): void => {
        this.#clients.delete(near);
        near.destroy();
        far.destroy();
      };
      for (const socket of [near, far]) socket.on('error', end).on('close', end);
      near.on('data', (data) => far.write(data));
      far.on('data', (data: Buffer) => {
        if (this.delay === 0) near.write(this.transform(data));
        else setTimeout(() => near.write(data), this.delay);
      });
    });
  }

  static async start(target: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `redis://${this.address}`;
  }

  /** Sends data to the broker on all connections, as if it came from the server. */
  inject(data: string | Buffer): void {
    for (const client of this.#clients) client.write(data);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
