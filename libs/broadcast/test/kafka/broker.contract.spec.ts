import { afterAll, beforeAll } from 'vitest';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { LogBroker } from '../../src/log/log-broker.js';
import { describeBroker } from '../../src/testing/index.js';
import { KafkaServer } from '../support/kafka-server.js';

let kafka: KafkaServer;
let tests = 0;

beforeAll(async () => {
  kafka = await KafkaServer.start();
});
afterAll(async () => kafka.close());

describeBroker('LogBroker on Kafka', () => {
  tests += 1;
  const url = kafka.url(`test${tests}`, { partitions: '8' });
  return { connect: () => new LogBroker(new KafkaAdapter(() => url)), close: async () => {} };
});
