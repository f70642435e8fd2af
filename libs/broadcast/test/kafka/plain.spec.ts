import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { systemProgram } from '../../../../apps/gateway/test/support/system-package.js';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { LogBroker } from '../../src/log/log-broker.js';
import type { PlainMessage } from '../../src/plain-messages.js';
import { partitionOf } from '../../src/log/partition-of.js';
import { eventually } from '../../src/testing/eventually.js';
import { plainIn } from '../../src/testing/plain.js';
import { STREAM, Subscriber } from '../../src/testing/load.js';
import { KafkaServer } from '../support/kafka-server.js';
import { Followers } from './followers.js';

/** A client on librdkafka, as Python's, Go's and .NET's from Confluent are. */
const KCAT = systemProgram('/usr/bin/kcat', ['kcat']);
const CHANNELS = ['news:1', 'news:2', 'chat:é', 'a', 'long:'.padEnd(200, 'x'), 'orders:7'];

const followers = new Followers();
let kafka: KafkaServer;
beforeAll(async () => {
  kafka = await KafkaServer.start();
});
afterAll(async () => {
  await followers.close();
  await kafka.close();
});

/** Produces records with keys. */
type Produce = (topic: string, records: readonly (readonly [key: string, value: string])[]) => Promise<void>;

/** As the Java client does: its default partitioner is that of this library. */
const byLibrary: Produce = async (topic, records) => {
  const producer = new Producer({
    clientId: 'backend',
    bootstrapBrokers: [kafka.address],
    serializers: stringSerializers,
  });
  try {
    await producer.send({ messages: records.map(([key, value]) => ({ topic, key, value })) });
  } finally {
    await producer.close();
  }
};

const byKcat: Produce = async (topic, records) => {
  const settings = ['-X', 'topic.partitioner=murmur2_random', '-K', '\t'];
  const running = promisify(execFile)(KCAT, ['-P', '-b', kafka.address, '-t', topic, ...settings]);
  running.child.stdin?.end(records.map((record) => `${record.join('\t')}\n`).join(''));
  await running;
};

describe.each([
  ['the default partitioner of Java', byLibrary],
  ['librdkafka and murmur2_random', byKcat],
])('records of a client with %s', (_, produce) => {
  it('are messages in the partition of their channel', async () => {
    const topic = followers.uniqueTopic();
    const follower = followers.connect(kafka.url(topic));
    await follower.open();
    const { adapter } = follower;
    await produce(
      topic,
      CHANNELS.map((channel) => [channel, JSON.stringify({ in: channel })]),
    );
    for (const channel of CHANNELS) {
      const partition = partitionOf(channel, adapter.partitions);
      const entries = await adapter.read(partition, 'first', 100, AbortSignal.timeout(5_000));
      const found = entries.map(({ plain }) => plain).filter((plain): plain is PlainMessage => plain !== undefined);
      expect(found.map(({ channel: name, body }) => [name, Buffer.from(body).toString()])).toContainEqual([
        channel,
        JSON.stringify({ in: channel }),
      ]);
    }
  });

  it('reach the subscribers in order, among what the gateway publishes', async () => {
    const topic = followers.uniqueTopic();
    const url = kafka.url(topic);
    const plain = plainIn('news', STREAM);
    const pods = [0, 1].map(() => new Subscriber(new LogBroker(new KafkaAdapter(() => url), { plain })));
    onTestFinished(async () => {
      await Promise.all(pods.map(async ({ broker }) => broker.close()));
    });
    await Promise.all(pods.map(async (pod) => pod.start(['news:1', 'news:2', 'closed:1'])));
    const [here] = pods;
    await here?.broker.publish({ channel: 'news:1', payload: '"gateway"', stream: STREAM });
    const sent = Array.from({ length: 50 }, (__, number) => JSON.stringify(number));
    await produce(topic, [...sent.map((value) => ['news:1', value] as const), ['closed:1', '1'], ['news:1', '{oops']]);
    await here?.broker.publish({ channel: 'news:1', payload: '"later"', stream: STREAM });
    await eventually(() => {
      for (const pod of pods) expect(pod.payloads('news:1')).toEqual(['"gateway"', ...sent, '"later"']);
    });
    for (const pod of pods) {
      expect(pod.payloads('closed:1')).toEqual([]);
      expect(pod.faults).toEqual([]);
    }
    for (const { refused } of pods) {
      await eventually(() => expect(refused.toSorted()).toEqual(['forbidden closed:1', 'malformed news:1']));
    }
  });
});
