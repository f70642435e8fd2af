import { connect, type Socket } from 'node:net';

interface Waiting {
  /** What the text contains that is waited for. */
  readonly mark: string;
  resolve(text: string): void;
  reject(error: Error): void;
}

/** A client on a raw socket that does no more than it has to: its time is taken from the gateway's. */
export class Peer {
  private readonly socket: Socket;
  private text = '';
  private waiting: Waiting | undefined;

  /** @param path of the server's socket. */
  constructor(path: string) {
    this.socket = connect(path)
      .setEncoding('latin1')
      .on('data', (piece: string) => this.read(piece))
      .on('error', (error) => this.waiting?.reject(error))
      .on('close', () => this.waiting?.reject(new Error(`the connection was closed before ${this.waiting.mark}`)));
  }

  /** @returns everything that arrives until the text contains the mark. */
  async ask(bytes: string | Buffer, mark: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.waiting = { mark, resolve, reject };
    this.socket.write(bytes);
    return promise;
  }

  leave(): void {
    this.waiting = undefined;
    this.socket.destroy();
  }

  private read(piece: string): void {
    this.text += piece;
    const { waiting, text } = this;
    if (waiting === undefined || !text.includes(waiting.mark)) return;
    this.waiting = undefined;
    this.text = '';
    waiting.resolve(text);
  }
}
