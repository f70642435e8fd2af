import { afterAll, beforeAll } from 'vitest';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { describeLogAdapter } from '../../src/testing/index.js';
import { cutBatches } from '../support/kafka-log-file.js';
import { KafkaBehindProxy } from '../support/kafka-server.js';

let kafka: KafkaBehindProxy;
let tests = 0;

beforeAll(async () => {
  kafka = await KafkaBehindProxy.start();
});
afterAll(async () => kafka.close());

describeLogAdapter('KafkaAdapter', () => {
  tests += 1;
  const topic = `test${tests}`;
  const { server, proxy } = kafka;
  return {
    connect: () => new KafkaAdapter(() => kafka.url(topic, { partitions: '8' })),
    cut: async () => proxy.restore(),
    stop: async () => server.kill(),
    run: async () => server.run(),
    hang: async () => server.hang(),
    resume: async () => server.resume(),
    recreate: async () => server.manage(async (admin) => admin.deleteTopics({ topics: [topic] })),
    truncate: async (partition, count) => {
      await server.kill();
      await cutBatches(server.log(topic, partition), count);
      await server.run();
    },
    trim: async (partition, before) =>
      server.manage(async (admin) => {
        const partitions = [{ partition, offset: BigInt(before) }];
        await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
      }),
    close: async () => server.manage(async (admin) => admin.deleteTopics({ topics: [topic] })),
  };
});
