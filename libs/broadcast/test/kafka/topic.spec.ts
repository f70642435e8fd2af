import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Producer } from '@platformatic/kafka';
import { LogRefusedError } from '../../src/log/log-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { KafkaServer, kafkaUrl } from '../support/kafka-server.js';
import { expectToWork, Followers, refusal } from './followers.js';

const followers = new Followers();
let kafka: KafkaServer;
beforeAll(async () => {
  kafka = await KafkaServer.start();
});
afterAll(async () => {
  await followers.close();
  await kafka.close();
});

/** The settings that the adapter gives to a topic. */
const SETTINGS = {
  'message.timestamp.type': 'LogAppendTime',
  'retention.ms': '3600000',
  'min.insync.replicas': '1',
};

async function createTopic(topic: string, settings: Readonly<Record<string, string>>, partitions = 8): Promise<void> {
  const configs = Object.entries({ ...SETTINGS, ...settings }).map(([name, value]) => ({ name, value }));
  await kafka.manage(async (admin) => admin.createTopics({ topics: [topic], partitions, replicas: 1, configs }));
}

describe('a topic', () => {
  it('is created once by pods that start at the same time', async () => {
    const topic = followers.uniqueTopic();
    const pods = Array.from({ length: 4 }, () => followers.connect(kafka.url(topic)));
    await Promise.all(pods.map(async (pod) => pod.open()));
    expect(pods.map(({ adapter }) => adapter.partitions)).toEqual([16, 16, 16, 16]);
    for (const pod of pods) pod.tail('first', 15);
    await pods[0]?.append('a1', 15);
    await Promise.all(pods.map(async (pod) => pod.reads(['a1'], 15)));
  });

  it('that an operator created is used with its partitions and its limit of a message', async () => {
    const topic = followers.uniqueTopic();
    await createTopic(topic, { 'max.message.bytes': '100000' }, 12);
    const follower = followers.connect(kafka.url(topic, { partitions: '16' }));
    await expectToWork(follower);
    const { partitions, traits } = follower.adapter;
    expect(partitions).toBe(12);
    await follower.append('x'.repeat(traits.maxEntry));
    expect(traits.maxEntry).toBeGreaterThan(99_000);
  });

  it.each([
    ['cleanup.policy', 'compact', /set it to delete$/],
    ['message.timestamp.type', 'CreateTime', /is not LogAppendTime/],
    ['retention.ms', '60000', /set it to 1800000 or more/],
    ['retention.bytes', '1000', /set it to -1$/],
    ['min.insync.replicas', '2', /has only 1 replicas/],
    ['unclean.leader.election.enable', 'true', /set it to false$/],
  ])('with %s %s is refused until that is changed', async (name, value, reason) => {
    const topic = followers.uniqueTopic();
    await createTopic(topic, { [name]: value });
    const follower = followers.connect(kafka.url(topic));
    const error = await refusal(follower);
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toMatch(reason);
    await kafka.manage(async (admin) => admin.deleteTopics({ topics: [topic] }));
    await eventually(async () => createTopic(topic, {}));
    await expectToWork(follower);
  });

  it('with too few partitions is refused', async () => {
    const topic = followers.uniqueTopic();
    await createTopic(topic, {}, 2);
    expect((await refusal(followers.connect(kafka.url(topic)))).message).toMatch(
      /has 2 partitions: create it with 8 to 64/,
    );
  });

  it('that cannot be created is refused with the reason', async () => {
    const error = await refusal(followers.connect(kafka.url(followers.uniqueTopic(), { replicas: '3' })));
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toMatch(/cannot be created \(.*replication factor/i);
  });

  it('that is deleted is reported, and created again by open', async () => {
    const topic = followers.uniqueTopic();
    const follower = followers.connect(kafka.url(topic));
    follower.continues = false;
    await expectToWork(follower);
    await kafka.manage(async (admin) => admin.deleteTopics({ topics: [topic] }));
    await eventually(() => expect(follower.interruptions).toEqual([{ partition: 0, isCut: true }]));
    await eventually(() => expect(follower.problems).toEqual([`the topic ${topic} does not exist`, undefined]));
    await expectToWork(follower);
  });
});

describe('a server', () => {
  it('that is too old is refused', async () => {
    const proxy = await FaultyProxy.start(kafka.port);
    try {
      proxy.transform = withOldFetch;
      const error = await refusal(followers.connect(kafkaUrl(proxy.address, followers.uniqueTopic())));
      expect(error).toBeInstanceOf(LogRefusedError);
      expect(error.message).toMatch(/^127\.0\.0\.1:\d+: Kafka 3\.7 or later is required$/);
    } finally {
      await proxy.close();
    }
  });
});

/** Changes the versions that a server announces: https://kafka.apache.org/protocol#The_Messages_ApiVersions */
function withOldFetch(data: Buffer): Buffer {
  // The number of the request `Fetch`, and its lowest version, which all servers of Kafka 4 have in common.
  const fetch = data.indexOf(Buffer.from([0, 1, 0, 4, 0]));
  if (fetch !== -1) data[fetch + 5] = 12;
  return data;
}

describe('records of other clients', () => {
  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('may be compressed with %s', async (compression) => {
    const topic = followers.uniqueTopic();
    const follower = followers.connect(kafka.url(topic));
    await expectToWork(follower);
    const values = Array.from({ length: 50 }, (_, index) => `record ${index} ${'x'.repeat(index)}`);
    await produce({ compression }, async (producer) => {
      await producer.send({ messages: values.map((value) => message(topic, value)) });
    });
    await follower.append('a2');
    await follower.reads(['a1', ...values, 'a2']);
    // In the middle of their batch.
    expect(await follower.read({ offset: 20 }, 3)).toEqual(values.slice(19, 22));
  });

  it('in transactions are passed over, and do not hold up the log while they are open', async () => {
    const topic = followers.uniqueTopic();
    const follower = followers.connect(kafka.url(topic));
    await expectToWork(follower);
    await produce({ idempotent: true, transactionalId: `id-${topic}` }, async (producer) => {
      for (const end of ['commit', 'abort'] as const) {
        const transaction = await producer.beginTransaction();
        await transaction.send({ messages: [message(topic, end)] });
        await follower.append(`during ${end}`);
        await eventually(() => expect(follower.texts()).toContain(`during ${end}`));
        await transaction[end]();
      }
    });
    await follower.append('a2');
    await follower.reads(['a1', 'during commit', 'during abort', 'a2']);
    const { first, next } = await follower.adapter.bounds(0, AbortSignal.timeout(5_000));
    const all = await follower.adapter.read(0, 'first', 100, AbortSignal.timeout(5_000));
    // Each offset is there, so that a reader knows when it has reached the end.
    expect(all.map(({ offset }) => offset)).toEqual(Array.from({ length: next - first }, (_, index) => first + index));
    expect(next - first).toBe(8);
  });
});

type ProducerSettings = Partial<ConstructorParameters<typeof Producer<Buffer, Buffer, Buffer, Buffer>>[0]>;

async function produce(settings: ProducerSettings, work: (producer: Producer) => Promise<void>): Promise<void> {
  const producer = new Producer({ clientId: 'test', bootstrapBrokers: [kafka.address], retries: 10, ...settings });
  try {
    await work(producer);
  } finally {
    await producer.close();
  }
}

function message(topic: string, value: string): { topic: string; partition: number; value: Buffer } {
  return { topic, partition: 0, value: Buffer.from(value) };
}
