import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The beginning of a published message in RESP3. */
const MESSAGE = '>3\r\n$7\r\nmessage\r\n';

/** A proxy between a broker and its server that can drop data without closing connections, as a broken network does. */
export class SilentProxy {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #silent = false;
  #muted = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
      this.#pass(near, far);
      this.#pass(far, near);
    });
  }

  static async start(target: number): Promise<SilentProxy> {
    const proxy = new SilentProxy(target);
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

  /** From now on drops all data in both directions; connections are still accepted. */
  silence(): void {
    this.#silent = true;
  }

  /**
   * Drops published messages on the connections that are open now, as if the server had forgotten their subscriptions.
   */
  mute(): void {
    this.#muted = new Set(this.#sockets);
  }

  /** New connections work again; data of the old ones is lost. */
  restore(): void {
    this.#silent = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (data) => {
      const isMuted = this.#muted.has(from) && data.includes(MESSAGE);
      if (!this.#silent && !isMuted) to.write(data);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!this.#silent) to.destroy();
    });
  }
}
