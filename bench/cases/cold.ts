import { setTimeout as sleep } from 'node:timers/promises';
import { createHistogram } from 'node:perf_hooks';
import type { Client } from '../load/client.ts';
import { HttpPublisher } from '../load/http-publisher.ts';
import { Meter, type Measured } from '../load/meter.ts';
import { inParallel, openClient } from '../load/population.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Server } from '../servers/server.ts';
import type { Case } from './case.ts';
import { roomOf } from './rooms.ts';

/** What a process does first, and again once it is warm. */
const TIMES = 2_000;

/** The connects whose time is measured: those that a reconnect storm begins with. */
const TIMED = 500;

/** How often it does the same in between. */
const WARM_UPS = { full: 3, quick: 2 };

/** Each channel has one subscriber, so that a publish includes a delivery. */
const CHANNELS = 100;

/** The number of concurrent requests, each on a keep-alive connection. */
const REQUESTS = 8;

/** The time for the server to notice that clients have left, in ms. */
const SETTLE_MS = 1_000;

export const cold: Case = {
  name: 'cold',
  title: 'the first 2,000 connects and HTTP publishes of a process, compared with later ones',
  servers: ['holdfast', 'centrifuge'],
  metrics: [
    { key: 'firstConnects', title: 'CPU per connect, first 2,000', unit: 'µs' },
    { key: 'connect', title: '… later', unit: 'µs' },
    { key: 'firstPublishes', title: 'CPU per publish, first 2,000', unit: 'µs' },
    { key: 'publish', title: '… later', unit: 'µs' },
    { key: 'p99', title: 'p99 of the first 500 connects', unit: 'ms' },
  ],
  targets: [
    { metric: 'firstConnects', ofMetric: 'connect', bound: 1.5 },
    { metric: 'firstPublishes', ofMetric: 'publish', bound: 1.5 },
  ],
  quick: [],
  async run(server, { quick }) {
    const process = await ServerProcess.start(server);
    const visitors = new Visitors(process);
    const backend = new Backend(process, server);
    try {
      const firstConnects = await visitors.come();
      await backend.subscribe();
      const firstPublishes = await backend.publish();
      for (let warmUps = quick ? WARM_UPS.quick : WARM_UPS.full; warmUps > 0; warmUps -= 1) {
        await visitors.come();
        await backend.publish();
      }
      const connect = await visitors.come();
      const publish = await backend.publish();
      return {
        values: {
          firstConnects: firstConnects.cpu / TIMES,
          connect: connect.cpu / TIMES,
          firstPublishes: firstPublishes.cpu / TIMES,
          publish: publish.cpu / TIMES,
          p99: firstConnects.p99,
        },
        conditions: firstConnects.conditions,
      };
    } finally {
      backend.close();
      await process.stop();
    }
  },
};

/** Clients that connect, subscribe, and leave. */
class Visitors {
  readonly #process: ServerProcess;

  constructor(process: ServerProcess) {
    this.#process = process;
  }

  async come(): Promise<Measured & { readonly p99: number }> {
    const { port, server } = this.#process;
    const open: Client[] = [];
    const times = createHistogram();
    try {
      const meter = new Meter(this.#process);
      await inParallel(TIMES, async (index) => {
        const since = performance.now();
        const client = await openClient(index, { port, dialect: server.dialect });
        open.push(client);
        for (const channel of roomOf(index)) await client.subscribe(channel);
        if (index < TIMED) times.record(Math.max(1, Math.round((performance.now() - since) * 1_000)));
      });
      return { ...meter.stop(), p99: times.percentile(99) / 1_000 };
    } finally {
      for (const client of open) client.close();
      // What they leave behind is not part of the next measurement.
      await sleep(SETTLE_MS);
    }
  }
}

/** A backend that publishes to subscribers. */
class Backend {
  readonly #process: ServerProcess;
  readonly #publisher: HttpPublisher;
  readonly #channels = Array.from({ length: CHANNELS }, (_, index) => `inbox:${index}`);
  #subscribers: readonly Client[] = [];
  #published = 0;

  constructor(process: ServerProcess, { api, title }: Server) {
    if (api === undefined) throw new Error(`${title} has no HTTP API`);
    this.#process = process;
    this.#publisher = new HttpPublisher(process.port, api, REQUESTS);
  }

  async subscribe(): Promise<void> {
    const { port, server } = this.#process;
    this.#subscribers = await inParallel(CHANNELS, async (index) => {
      const client = await openClient(index, { port, dialect: server.dialect });
      await client.subscribe(this.#channels[index] ?? '');
      return client;
    });
  }

  async publish(): Promise<Measured> {
    const meter = new Meter(this.#process);
    await this.#publisher.publish(TIMES, this.#channels);
    this.#published += TIMES;
    await Promise.all(this.#subscribers.map((client) => client.received(this.#published / CHANNELS)));
    return meter.stop();
  }

  close(): void {
    this.#publisher.close();
    for (const client of this.#subscribers) client.close();
  }
}
