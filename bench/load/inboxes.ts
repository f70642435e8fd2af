import type { Client, ClientOptions } from './client.ts';
import type { HttpPublisher } from './http-publisher.ts';
import { inParallel, openClient } from './population.ts';

/** Channels of one subscriber each, and a backend that publishes to them, so that a publish includes a delivery. */
export class Inboxes {
  readonly #options: Omit<ClientOptions, 'token'>;
  readonly #backend: HttpPublisher;
  readonly #channels: readonly string[];
  #subscribers: readonly Client[] = [];
  #published = 0;

  constructor(count: number, options: Omit<ClientOptions, 'token'>, backend: HttpPublisher) {
    this.#options = options;
    this.#backend = backend;
    this.#channels = Array.from({ length: count }, (_, index) => `inbox:${index}`);
  }

  async subscribe(): Promise<void> {
    this.#subscribers = await inParallel(this.#channels.length, async (index) => {
      const client = await openClient(index, this.#options);
      await client.subscribe(this.#channels[index] ?? '');
      return client;
    });
  }

  /** Publishes to the channels in turn, one message per request. Resolves when all messages have arrived. */
  async publish(messages: number): Promise<void> {
    await this.#backend.publish(messages, this.#channels);
    this.#published += messages;
    const each = this.#published / this.#channels.length;
    await Promise.all(this.#subscribers.map((client) => client.received(each)));
  }

  close(): void {
    this.#backend.close();
    for (const client of this.#subscribers) client.close();
  }
}
