import { Agent, request } from 'node:http';
import type { HttpApi } from './http-api.ts';
import { messageData } from './message.ts';

/** A backend that publishes through an HTTP API, over keep-alive connections. */
export class HttpPublisher {
  readonly #port: number;
  readonly #host: string;
  readonly #api: HttpApi;
  readonly #agent: Agent;
  readonly #requests: number;
  #number = 0;

  constructor(port: number, api: HttpApi, requests: number, host = '127.0.0.1') {
    this.#port = port;
    this.#host = host;
    this.#api = api;
    this.#requests = requests;
    this.#agent = new Agent({ keepAlive: true, maxSockets: requests });
  }

  /**
   * Publishes to the channels in turn, `size` messages per request, as fast as the server responds.
   *
   * @returns the number of published messages.
   */
  async run(seconds: number, channels: readonly string[], size: number): Promise<number> {
    const end = performance.now() + seconds * 1000;
    return size * (await this.#requestWhile(() => performance.now() < end, channels, size));
  }

  /** Publishes a number of messages to the channels in turn, one per request. */
  async publish(count: number, channels: readonly string[]): Promise<void> {
    let left = count;
    await this.#requestWhile(() => (left -= 1) >= 0, channels, 1);
  }

  /** Publishes a message to each of these channels, in one request. */
  async send(channels: readonly string[]): Promise<void> {
    const { publish, batch } = this.#api;
    const data = channels.map((_, index) => messageData(this.#number + index));
    this.#number += channels.length;
    const answer =
      channels.length === 1
        ? await this.#post(publish.path, publish.body(channels[0] ?? '', data[0] ?? ''))
        : await this.#post(batch.path, batch.body(channels, data));
    if (this.#api.stored(answer) !== channels.length) throw new Error(`not all messages were stored: ${answer}`);
  }

  /** @returns the number of requests. */
  async #requestWhile(goesOn: () => boolean, channels: readonly string[], size: number): Promise<number> {
    let count = 0;
    const worker = async (): Promise<void> => {
      while (goesOn()) {
        const names = Array.from(
          { length: size },
          (_, index) => channels[(this.#number + index) % channels.length] ?? '',
        );
        await this.send(names);
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: this.#requests }, worker));
    return count;
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(path: string, body: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const sent = request(
      {
        host: this.#host,
        port: this.#port,
        path,
        method: 'POST',
        agent: this.#agent,
        headers: {
          ...this.#api.headers,
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => (text += piece));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`${path} responded with ${response.statusCode}: ${text}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
    return promise;
  }
}
