import { createHistogram } from 'node:perf_hooks';
import type { Client, ClientOptions } from './client.ts';
import { inParallel, openClient } from './population.ts';

/** Clients that connect and subscribe, and the times that the first of them took. */
export class Arrivals {
  readonly #options: Omit<ClientOptions, 'token'>;
  readonly #channelsOf: (client: number) => readonly string[];
  readonly #timed: number;
  readonly #clients: Client[] = [];
  readonly #times = createHistogram();

  /** @param timed the number of clients whose time is measured: those with which a reconnect storm begins. */
  constructor(options: Omit<ClientOptions, 'token'>, channelsOf: (client: number) => readonly string[], timed: number) {
    this.#options = options;
    this.#channelsOf = channelsOf;
    this.#timed = timed;
  }

  async come(count: number, atOnce?: number): Promise<void> {
    await inParallel(
      count,
      async (number) => {
        const since = performance.now();
        const client = await openClient(number, this.#options);
        this.#clients.push(client);
        for (const channel of this.#channelsOf(number)) await client.subscribe(channel);
        if (number < this.#timed) this.#times.record(Math.max(1, Math.round((performance.now() - since) * 1_000)));
      },
      atOnce,
    );
  }

  /** In ms. */
  percentile(percent: number): number {
    return this.#times.percentile(percent) / 1_000;
  }

  leave(): void {
    for (const client of this.#clients) client.close();
  }
}
