import { PubsubAdapter } from '../../src/pubsub/pubsub-adapter.js';
import { describeLogAdapter } from '../../src/testing/index.js';
import { FakePubsub } from '../support/pubsub/fake-pubsub.js';
import { SilentProxy } from '../support/silent-proxy.js';

const TOPIC = 'projects/test-project/topics/holdfast';
/** ms: the fake delivers at once. */
const PATIENCE = 100;

describeLogAdapter('PubsubAdapter on a fake of Pub/Sub', async () => {
  const fake = await FakePubsub.start();
  const proxy = await SilentProxy.start(fake.port);
  const url = `pubsub://test-project/holdfast?partitions=2&endpoint=${proxy.address}`;
  return {
    connect: () => new PubsubAdapter(() => url, { patience: PATIENCE }),
    cut: async () => proxy.restore(),
    stop: async () => fake.stop(),
    run: async () => fake.run(),
    hang: async () => fake.hang(),
    resume: async () => fake.resume(),
    recreate: async () => fake.deleteTopic(TOPIC),
    close: async () => {
      fake.resume();
      await proxy.close();
      fake.stop();
    },
  };
});
