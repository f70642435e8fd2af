import { afterAll, beforeAll } from 'vitest';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { describeLogAdapter } from '../../src/testing/index.js';
import { cutMessages } from '../support/jetstream-file.js';
import { NatsServer } from '../support/nats-server.js';
import { SilentProxy } from '../support/silent-proxy.js';

const PARTITIONS = [0, 1];

let nats: NatsServer;
let tests = 0;

beforeAll(async () => {
  nats = await NatsServer.start();
});
afterAll(async () => nats.close());

describeLogAdapter('NatsAdapter', async () => {
  tests += 1;
  const prefix = `test${tests}`;
  const proxy = await SilentProxy.start(nats.port);
  const url = `nats://127.0.0.1:${new URL(proxy.url).port}?prefix=${prefix}&partitions=${PARTITIONS.length}`;
  const streams = PARTITIONS.map((partition) => `${prefix}-log-${partition}`);
  const deleteAll = async (): Promise<void> =>
    nats.manage(async ({ streams: api }) => {
      for (const stream of streams) await api.delete(stream);
    });
  return {
    connect: () => new NatsAdapter(() => url),
    cut: async () => proxy.restore(),
    stop: async () => nats.kill(),
    run: async () => nats.run(),
    hang: async () => nats.hang(),
    resume: async () => nats.resume(),
    recreate: deleteAll,
    truncate: async (partition, count) => {
      await nats.kill();
      await cutMessages(nats.store, `${prefix}-log-${partition}`, count);
      await nats.run();
    },
    trim: async (partition, before) => {
      await nats.manage(async (manager) => manager.streams.purge(`${prefix}-log-${partition}`, { seq: before }));
    },
    close: async () => {
      // After a test that failed in the middle.
      nats.resume();
      await deleteAll();
      await proxy.close();
    },
  };
});
