import { afterAll, beforeAll } from 'vitest';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { describeLogAdapter, type LogServer } from '../../src/testing/log-adapter.contract.js';
import { RabbitServer } from '../support/rabbitmq-server.js';
import { SilentProxy } from '../support/silent-proxy.js';
import { truncateStream } from '../support/stream-file.js';

const PARTITIONS = 2;

let server: RabbitServer;
let logs = 0;

beforeAll(async () => {
  server = await RabbitServer.start();
});
afterAll(async () => server.close());

/** A log of its own on the server that all tests share. */
async function open(): Promise<LogServer> {
  logs += 1;
  const prefix = `test${logs}`;
  const proxy = await SilentProxy.start(server.port);
  return {
    connect: () => new RabbitAdapter(() => `amqp://${proxy.address}?prefix=${prefix}&partitions=${PARTITIONS}`),
    cut: async () => proxy.restore(),
    stop: async () => server.stop(),
    run: async () => server.run(),
    hang: async () => server.hang(),
    resume: async () => server.resume(),
    recreate: async () => server.deleteQueues(`${prefix}.`),
    truncate: async (partition, count) => {
      await server.stop();
      await truncateStream(server.data, `${prefix}.log.${partition}`, count);
      await server.run();
    },
    close: async () => {
      await proxy.close();
      await server.deleteQueues(`${prefix}.`);
    },
  };
}

describeLogAdapter('RabbitAdapter', open);
