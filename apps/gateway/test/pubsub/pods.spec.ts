import { afterAll, beforeAll } from 'vitest';
import { FakePubsub } from '../../../../libs/broadcast/test/support/pubsub/fake-pubsub.js';
import { describeTwoPods } from '../support/two-pods.js';

let server: FakePubsub;
let tests = 0;

beforeAll(async () => {
  // Nothing is delivered again because this process was busy.
  server = await FakePubsub.start({ ackDeadline: 10_000 });
});
afterAll(() => server.stop());

describeTwoPods(
  'a fake of Pub/Sub',
  () => {
    tests += 1;
    return `pubsub://test-project/test${tests}?partitions=4&endpoint=127.0.0.1:${server.port}`;
  },
  { outlivesPods: false },
);
