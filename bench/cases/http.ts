import { setTimeout as sleep } from 'node:timers/promises';
import { HttpPublisher } from '../load/http-publisher.ts';
import { Meter, type Measured } from '../load/meter.ts';
import { populate } from '../load/population.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Case, Sample, Scale } from './case.ts';

/** Each channel has one subscriber, so that a publish includes a delivery. */
const CHANNELS = 100;
const BATCH = 100;

/** The number of concurrent requests, each on a keep-alive connection. */
const REQUESTS = 8;

const ARRIVE_WITHIN_MS = 10_000;

export const http: Case = {
  name: 'http',
  title: 'publish through the HTTP API, to channels of 1 subscriber',
  servers: ['holdfast', 'centrifuge', 'holdfast-on-bun'],
  metrics: [
    { key: 'single', title: 'CPU per publish, one per request', unit: 'µs' },
    { key: 'batch', title: 'CPU per publish, 100 per request', unit: 'µs' },
  ],
  targets: [
    { metric: 'single', of: 'centrifuge', bound: 1 },
    { metric: 'batch', ofMetric: 'single', bound: 0.3 },
  ],
  quick: ['holdfast', 'centrifuge'],
  async run(server, scale) {
    if (server.api === undefined) throw new Error(`${server.title} has no HTTP API`);
    const process = await ServerProcess.start(server);
    const { port } = process;
    const channels = Array.from({ length: CHANNELS }, (_, index) => `inbox:${index}`);
    const clients = await populate({
      port,
      dialect: server.dialect,
      size: CHANNELS,
      channelsOf: (client) => [channels[client] ?? ''],
    });
    const publisher = new HttpPublisher(port, server.api, REQUESTS);
    const received = (): number => clients.reduce((sum, { messages }) => sum + messages, 0);
    let published = 0;

    const publish = async (seconds: number, size: number): Promise<Measured> => {
      const meter = new Meter(process);
      const count = await publisher.run(seconds, channels, size);
      published += count;
      const deadline = performance.now() + ARRIVE_WITHIN_MS;
      while (received() < published && performance.now() < deadline) await sleep(2);
      if (received() !== published) throw new Error(`${received()} of ${published} messages arrived`);
      const { cpu, conditions } = meter.stop();
      return { cpu: cpu / count, conditions };
    };

    try {
      return await measured(publish, scale);
    } finally {
      publisher.close();
      for (const client of clients) client.close();
      await process.stop();
    }
  },
};

async function measured(
  publish: (seconds: number, size: number) => Promise<Measured>,
  { seconds, warmUp }: Scale,
): Promise<Sample> {
  await publish(warmUp, 1);
  const single = await publish(seconds, 1);
  await publish(warmUp, BATCH);
  const batch = await publish(seconds, BATCH);
  return { values: { single: single.cpu, batch: batch.cpu }, conditions: single.conditions };
}
