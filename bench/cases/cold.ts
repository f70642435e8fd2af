import { setTimeout as sleep } from 'node:timers/promises';
import { Arrivals } from '../load/arrivals.ts';
import { HttpPublisher } from '../load/http-publisher.ts';
import { Inboxes } from '../load/inboxes.ts';
import { Meter, type Measured } from '../load/meter.ts';
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
    const arrivals = new Arrivals({ port, dialect: server.dialect }, roomOf, TIMED);
    try {
      const meter = new Meter(this.#process);
      await arrivals.come(TIMES);
      return { ...meter.stop(), p99: arrivals.percentile(99) };
    } finally {
      arrivals.leave();
      // What they leave behind is not part of the next measurement.
      await sleep(SETTLE_MS);
    }
  }
}

/** A backend that publishes to subscribers. */
class Backend {
  readonly #process: ServerProcess;
  readonly #inboxes: Inboxes;

  constructor(process: ServerProcess, { api, title, dialect }: Server) {
    if (api === undefined) throw new Error(`${title} has no HTTP API`);
    const { port } = process;
    this.#process = process;
    this.#inboxes = new Inboxes(CHANNELS, { port, dialect }, new HttpPublisher(port, api, REQUESTS));
  }

  async subscribe(): Promise<void> {
    await this.#inboxes.subscribe();
  }

  async publish(): Promise<Measured> {
    const meter = new Meter(this.#process);
    await this.#inboxes.publish(TIMES);
    return meter.stop();
  }

  close(): void {
    this.#inboxes.close();
  }
}
