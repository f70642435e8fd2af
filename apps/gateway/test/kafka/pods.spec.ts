import { afterAll, beforeAll } from 'vitest';
import { KafkaServer } from '../../../../libs/broadcast/test/support/kafka-server.js';
import { describeTwoPods } from '../support/two-pods.js';

let server: KafkaServer;
let tests = 0;

beforeAll(async () => {
  server = await KafkaServer.start();
}, 600_000);
afterAll(() => server.close());

describeTwoPods('Kafka', () => {
  tests += 1;
  return server.url(`test${tests}`, { partitions: '8' });
});
