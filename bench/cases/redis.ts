import { startRedis } from '../load/redis.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Server } from '../servers/server.ts';
import { socketIo } from '../servers/socket-io/server.ts';
import type { Case, Scale } from './case.ts';
import { Deliveries, DELIVERY_METRICS, SATURATION_METRIC, type DeliveryLoad } from './delivery.ts';

const CHANNELS = 50;

const LOAD: DeliveryLoad = {
  subscribers: 1_000,
  channelsOf: (client) => [`room:${client % CHANNELS}`],
  channelOf: (message) => `room:${message % CHANNELS}`,
  // Only for warming up.
  rate: 200,
};

const WINDOW = 256;

export const redis: Case = {
  name: 'redis',
  title: '2 processes with Redis: 50 channels × 20 subscribers on one, the publisher on the other',
  servers: ['holdfast', 'socket.io'],
  metrics: [...DELIVERY_METRICS, SATURATION_METRIC],
  targets: [
    { metric: 'p50', of: 'socket.io', bound: 0.8 },
    { metric: 'p99', of: 'socket.io', bound: 0.8 },
    { metric: 'throughput', of: 'socket.io', bound: 1 },
  ],
  quick: [],
  async run(server, scale) {
    commonRate ??= (await saturated(socketIo, scale)) / (LOAD.subscribers / CHANNELS) / 2;
    const rate = commonRate;
    return withPair(server, async (deliveries) => {
      await deliveries.run(scale.warmUp);
      const measured = await deliveries.measure(scale.seconds, rate);
      const { throughput, notes } = await deliveries.saturate(WINDOW, scale.seconds);
      return { ...measured, values: { ...measured.values, throughput }, notes };
    });
  },
};

/**
 * Latencies are compared at the same load: half of what saturates Socket.IO, in messages per second. It is measured once for
 * all rounds.
 */
let commonRate: number | undefined;

async function saturated(server: Server, { warmUp, seconds }: Scale): Promise<number> {
  return withPair(server, async (deliveries) => {
    await deliveries.run(warmUp);
    return (await deliveries.saturate(WINDOW, seconds)).throughput;
  });
}

/** Both servers share a core, like two pods on one node; they still communicate through Redis. */
async function withPair<T>(server: Server, task: (deliveries: Deliveries) => Promise<T>): Promise<T> {
  const broker = await startRedis();
  const processes: ServerProcess[] = [];
  try {
    const at = await ServerProcess.start(server, { broker: broker.url });
    processes.push(at);
    const publisherAt = await ServerProcess.start(server, { broker: broker.url });
    processes.push(publisherAt);
    const deliveries = new Deliveries(LOAD, at, publisherAt);
    try {
      await deliveries.open();
      return await task(deliveries);
    } finally {
      deliveries.close();
    }
  } finally {
    for (const process of processes) await process.stop();
    await broker.stop();
  }
}
