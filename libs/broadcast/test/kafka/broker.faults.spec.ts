import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { LogBroker } from '../../src/log/log-broker.js';
import { describeBrokerFaults } from '../../src/testing/index.js';
import { cutBatches } from '../support/kafka-log-file.js';
import { KafkaBehindProxy } from '../support/kafka-server.js';

const PARTITIONS = 8;
/** Batches that are lost of each partition. */
const TAIL = 5;

let kafka: KafkaBehindProxy;
let tests = 0;

beforeAll(async () => {
  kafka = await KafkaBehindProxy.start();
}, 90_000);
afterAll(async () => kafka.close());

describeBrokerFaults('LogBroker on Kafka', async () => {
  tests += 1;
  const topic = `test${tests}`;
  const { server, proxy } = kafka;
  const restart = async (change: () => Promise<void>): Promise<void> => {
    await server.kill();
    await change();
    await server.run();
  };
  return {
    connect: () => new LogBroker(new KafkaAdapter(() => kafka.url(topic, { partitions: `${PARTITIONS}` }))),
    cut: async () => proxy.restore(),
    hang: async (duration) => {
      await server.hang();
      await sleep(duration);
      server.resume();
    },
    restartEmpty: async () => restart(async () => server.removeData()),
    loseTail: async () =>
      restart(async () => {
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          await cutBatches(server.log(topic, partition), TAIL);
        }
      }),
    close: async () => {},
  };
});
