import { setTimeout as sleep } from 'node:timers/promises';
import { Holdfast } from '@holdfast/client';
import { API_KEY } from '../support/gateway.js';
import { signToken } from '../support/tokens.js';

const CLIENTS = 12;
const CHANNELS = 4;

export interface LoadOptions {
  /** ms between two messages; none are published if it is 0. */
  readonly pace?: number;
  /** Bytes of each message. */
  readonly size?: number;
  /** The address to publish to, if it is another one. */
  readonly api?: string;
}

/** The text of messages, so that a fault can find it. */
export const TEXT = 'unchanged';

/** A backend that publishes by the HTTP API, and clients of the client library that receive the messages. */
export class Load {
  readonly #clients: Holdfast[] = [];
  readonly #over = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** Resolves when all clients are subscribed. */
  static async start(address: string, options: LoadOptions = {}): Promise<Load> {
    const { pace = 100, size = 200, api = address } = options;
    const load = new Load();
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, index) => {
        const token = await signToken({ sub: `user-${index}`, channels: ['load:*'] });
        const client = new Holdfast(`ws://${address}/ws`, { token, backoff: { base: 100, max: 500 } });
        for (const event of ['state', 'error'] as const) client.on(event, () => {});
        load.#clients.push(client);
        await client.subscribe(`load:${index % CHANNELS}`, { message: () => {}, gap: () => {} }).ready;
      }),
    );
    if (pace > 0) load.#running = load.#publish(`http://${api}/api/publish`, TEXT.padEnd(size, '.'), pace);
    return load;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#running;
    await Promise.all(this.#clients.map(async (client) => client.close()));
  }

  async #publish(url: string, text: string, pace: number): Promise<void> {
    for (let count = 0; !this.#over.signal.aborted; count += 1) {
      // What fails is not repeated: that would be another event.
      publish(url, `load:${count % CHANNELS}`, text).catch(() => undefined);
      await sleep(pace);
    }
  }
}

/** @returns the status. */
export async function publish(url: string, channel: string, data: unknown): Promise<number> {
  const { status } = await fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ channel, data }),
    signal: AbortSignal.timeout(5_000),
  });
  return status;
}
