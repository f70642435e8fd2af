import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { LogBroker } from '../../src/log/log-broker.js';
import { BRIEF_LEASE, BRIEF_LEASES } from '../../src/testing/brief-lease.js';
import {
  describeBrokerFaults,
  describeLogBrokerFaults,
  type FaultyLogServer,
  type FaultyServer,
} from '../../src/testing/index.js';
import { cutBatches } from '../support/kafka-log-file.js';
import { KafkaBehindProxy } from '../support/kafka-server.js';

const PARTITIONS = 8;
/** Batches that are lost of each partition. */
const TAIL = 5;
/** Everything that is stored: https://kafka.apache.org/protocol#The_Messages_DeleteRecords */
const END = -1n;

let kafka: KafkaBehindProxy;
let tests = 0;

beforeAll(async () => {
  kafka = await KafkaBehindProxy.start();
});
afterAll(async () => kafka.close());

async function open(): Promise<FaultyServer & FaultyLogServer> {
  tests += 1;
  const topic = `test${tests}`;
  const { server, proxy } = kafka;
  const restart = async (change: () => Promise<void>): Promise<void> => {
    await server.kill();
    await change();
    await server.run();
  };
  return {
    connect: () =>
      new LogBroker(new KafkaAdapter(() => kafka.url(topic, { partitions: `${PARTITIONS}` })), BRIEF_LEASES),
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
    silence: () => proxy.silence(),
    restore: () => proxy.restore(),
    kill: async () => server.kill(),
    run: async () => server.run(),
    deleteLog: async () => server.manage(async (admin) => admin.deleteTopics({ topics: [topic] })),
    purge: async () =>
      server.manage(async (admin) => {
        const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: END }));
        await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
      }),
    close: async () => {},
  };
}

describeBrokerFaults('LogBroker on Kafka', BRIEF_LEASE, open);
describeLogBrokerFaults('LogBroker on Kafka', open);
