import { afterAll, beforeAll } from 'vitest';
import { RabbitServer } from '../../../../libs/broadcast/test/support/rabbitmq-server.js';
import { describeTwoPods } from '../support/two-pods.js';

let server: RabbitServer;
let tests = 0;

beforeAll(async () => {
  server = await RabbitServer.start();
}, 600_000);
afterAll(() => server.close());

describeTwoPods('RabbitMQ', () => {
  tests += 1;
  return `${server.url}?prefix=test${tests}&partitions=4`;
});
