import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { BRIEF_LEASE, BRIEF_LEASES } from '../../src/testing/brief-lease.js';
import {
  describeBrokerFaults,
  describeLogBrokerFaults,
  type FaultyLogServer,
  type FaultyServer,
} from '../../src/testing/index.js';
import { RabbitServer } from '../support/rabbitmq-server.js';
import { SilentProxy } from '../support/silent-proxy.js';
import { truncateStream } from '../support/stream-file.js';

const PARTITIONS = 2;
/** Entries that are lost, of which the pods had read most. */
const TAIL = 10;
/** ms after which a node has stored that a queue was declared. */
const DECLARED = 1_500;

let server: RabbitServer;
let logs = 0;

beforeAll(async () => {
  server = await RabbitServer.start();
});
afterAll(async () => server.close());

async function open(): Promise<FaultyServer & FaultyLogServer> {
  const prefix = `test${(logs += 1)}`;
  const proxy = await SilentProxy.start(server.port);
  const url = `amqp://${proxy.address}?prefix=${prefix}&partitions=${PARTITIONS}`;
  return {
    connect: () => new LogBroker(new RabbitAdapter(() => url), BRIEF_LEASES),
    cut: async () => proxy.restore(),
    hang: async (duration) => {
      await server.hang();
      await sleep(duration);
      await server.resume();
    },
    restartEmpty: async () => {
      await server.kill();
      await server.removeData();
      await server.run();
    },
    loseTail: async () => {
      await server.stop();
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        await truncateStream(server.data, `${prefix}.log.${partition}`, TAIL);
      }
      await server.run();
    },
    silence: () => proxy.silence(),
    restore: () => proxy.restore(),
    kill: async () => {
      // A node that is killed within a second after a stream was declared may have forgotten half of that.
      await sleep(DECLARED);
      await server.kill();
    },
    run: async () => server.run(),
    deleteLog: async () => server.deleteQueues(`${prefix}.log.`),
    // Streams can only be deleted, or trimmed by retention: adapter.faults.spec.ts does that.
    purge: undefined,
    close: async () => {
      await proxy.close();
      await server.deleteQueues(`${prefix}.`);
    },
  };
}

describeBrokerFaults('LogBroker on RabbitMQ', BRIEF_LEASE, open);
describeLogBrokerFaults('LogBroker on RabbitMQ', open);
