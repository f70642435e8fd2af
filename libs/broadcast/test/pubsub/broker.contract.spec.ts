import { LogBroker } from '../../src/log/log-broker.js';
import { PubsubAdapter } from '../../src/pubsub/pubsub-adapter.js';
import { describeBroker } from '../../src/testing/index.js';
import { FakePubsub } from '../support/pubsub/fake-pubsub.js';

describeBroker('LogBroker on a fake of Pub/Sub', async () => {
  const fake = await FakePubsub.start();
  const url = `pubsub://test-project/holdfast?partitions=2&endpoint=127.0.0.1:${fake.port}`;
  return {
    connect: () => new LogBroker(new PubsubAdapter(() => url, { patience: 100 }), { linger: 200 }),
    close: async () => fake.stop(),
  };
});
