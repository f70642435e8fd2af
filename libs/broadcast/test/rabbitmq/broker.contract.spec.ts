import { afterAll, beforeAll } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { describeBroker } from '../../src/testing/index.js';
import { RabbitServer } from '../support/rabbitmq-server.js';

let server: RabbitServer;
let logs = 0;

beforeAll(async () => {
  server = await RabbitServer.start();
});
afterAll(async () => server.close());

describeBroker('LogBroker on RabbitMQ', () => {
  const prefix = `test${(logs += 1)}`;
  const url = `${server.url}?prefix=${prefix}&partitions=2`;
  return {
    connect: () => new LogBroker(new RabbitAdapter(() => url), { linger: 200 }),
    close: async () => server.deleteQueues(`${prefix}.`),
  };
});
