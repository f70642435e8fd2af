import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Holdfast } from '@holdfast/client';
import { API_KEY } from '../support/gateway.js';
import { signToken } from '../support/tokens.js';

const CLIENTS = 12;
const CHANNELS = 4;

export interface LoadOptions {
  /** ms between two messages; none are published if it is 0. */
  readonly pace?: number;
  /** Whether each message has an idempotency key. */
  readonly keys?: boolean;
  /** The address to publish to, if it is another one. */
  readonly api?: string;
}

/** The data of messages, so that a fault can find it. */
export const TEXT = 'unchanged'.repeat(20);

/** A backend that publishes by the HTTP API, and clients of the client library that receive the messages. */
export class Load {
  readonly #clients: Holdfast[] = [];
  readonly #over = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** Resolves when all clients are subscribed. */
  static async start(address: string, options: LoadOptions = {}): Promise<Load> {
    const { pace = 100, keys = false, api = address } = options;
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
    if (pace > 0) load.#running = load.#publish(`http://${api}/api/publish`, pace, keys);
    return load;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#running;
    await Promise.all(this.#clients.map(async (client) => client.close()));
  }

  async #publish(url: string, pace: number, keys: boolean): Promise<void> {
    for (let count = 0; !this.#over.signal.aborted; count += 1) {
      const key = keys ? randomBytes(32).toString('hex') : undefined;
      // What fails is not repeated: that would be another event.
      publish(url, { channel: `load:${count % CHANNELS}`, data: TEXT, key }).catch(() => undefined);
      await sleep(pace);
    }
  }
}

/** @returns the status. */
export async function publish(url: string, message: object): Promise<number> {
  const { status } = await fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(message),
    signal: AbortSignal.timeout(5_000),
  });
  return status;
}
