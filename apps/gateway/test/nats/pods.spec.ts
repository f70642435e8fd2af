import { afterAll, beforeAll } from 'vitest';
import { NatsServer } from '../../../../libs/broadcast/test/support/nats-server.js';
import { describeTwoPods } from '../support/two-pods.js';

let server: NatsServer;
let tests = 0;

beforeAll(async () => {
  server = await NatsServer.start();
}, 600_000);
afterAll(() => server.close());

describeTwoPods('NATS', () => {
  tests += 1;
  return `${server.url}?prefix=test${tests}&partitions=4`;
});
