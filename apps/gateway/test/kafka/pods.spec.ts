import { afterAll, beforeAll } from 'vitest';
import { KafkaServer } from '../../../../libs/broadcast/test/support/kafka-server.js';
import { runClient } from '../support/backends/run.js';
import { describePlainPublish } from '../support/plain-publish.js';
import { systemProgram } from '../support/system-package.js';
import { describeTwoPods } from '../support/two-pods.js';

/** A client on librdkafka, as those of Python, Go and .NET from Confluent are. */
const KCAT = systemProgram('/usr/bin/kcat', ['kcat']);

/** Each one with a key of its own needs a process. */
const KCAT_MESSAGES = 10;

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

describePlainPublish(
  'kcat',
  () => {
    tests += 1;
    const topic = `test${tests}`;
    return {
      url: server.url(topic, { partitions: '8' }),
      async publish(messages) {
        const to = ['-P', '-b', server.address, '-t', topic, '-X', 'topic.partitioner=murmur2_random', '-K', '\t'];
        for (const { channel, body, key } of messages) {
          await runClient(KCAT, [...to, ...(key === undefined ? [] : ['-H', `key=${key}`])], `${channel}\t${body}\n`);
        }
      },
    };
  },
  KCAT_MESSAGES,
);
