import { setTimeout as sleep } from 'node:timers/promises';
import { LogBroker } from '../../src/log/log-broker.js';
import { PubsubAdapter } from '../../src/pubsub/pubsub-adapter.js';
import { BRIEF_LEASE, BRIEF_LEASES } from '../../src/testing/brief-lease.js';
import {
  describeBrokerFaults,
  describeLogBrokerFaults,
  type FaultyLogServer,
  type FaultyServer,
} from '../../src/testing/index.js';
import { FakePubsub } from '../support/pubsub/fake-pubsub.js';
import { SilentProxy } from '../support/silent-proxy.js';

const TOPIC = 'projects/test-project/topics/holdfast';

async function open(): Promise<FaultyServer & FaultyLogServer> {
  const fake = await FakePubsub.start();
  const proxy = await SilentProxy.start(fake.port);
  const url = `pubsub://test-project/holdfast?partitions=2&endpoint=${proxy.address}`;
  return {
    connect: () => new LogBroker(new PubsubAdapter(() => url, { patience: 500 }), BRIEF_LEASES),
    cut: async () => proxy.restore(),
    hang: async (duration) => {
      fake.hang();
      await sleep(duration);
      fake.resume();
    },
    restartEmpty: async () => {
      fake.stop();
      fake.clear();
      await fake.run();
    },
    // What was delivered to anybody is delivered to everybody.
    loseTail: undefined,
    silence: () => proxy.silence(),
    restore: () => proxy.restore(),
    kill: async () => fake.stop(),
    run: async () => fake.run(),
    deleteLog: async () => fake.deleteTopic(TOPIC),
    purge: undefined,
    close: async () => {
      fake.resume();
      await proxy.close();
      fake.stop();
    },
  };
}

describeBrokerFaults('LogBroker on a fake of Pub/Sub', BRIEF_LEASE, open);
describeLogBrokerFaults('LogBroker on a fake of Pub/Sub', open);
