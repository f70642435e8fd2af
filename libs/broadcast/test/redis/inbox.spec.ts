import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { tagSlot } from '../../src/redis/topology/key-slot.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { plainIn } from '../../src/testing/plain.js';
import {
  ClusterSetUp,
  eventually,
  SentinelSetUp,
  Standalone,
  uniquePrefix,
  type RedisSetUp,
} from '../support/redis-servers.js';

const CHANNELS = ['news:1', 'news:2', 'news:3'];
const PLAIN = plainIn('news', LASTING);

const pods: Pod[] = [];
let prefix = '';
afterEach(async () => {
  await Promise.all(pods.splice(0).map(async (pod) => pod.close()));
});

async function startPods(setUp: RedisSetUp, count: number): Promise<Pod[]> {
  prefix = uniquePrefix();
  for (let index = 0; index < count; index += 1) await startPod(setUp);
  return pods;
}

async function startPod(setUp: RedisSetUp): Promise<Pod> {
  const pod = new Pod(createBroker(setUp.url({ prefix }), PLAIN));
  pods.push(pod);
  await pod.start();
  for (const channel of CHANNELS) await pod.broker.subscribe(channel, LASTING);
  return pod;
}

function payloads(pod: Pod, channel: string): string[] {
  return pod.delivered(channel).map(({ payload }) => payload);
}

const inbox = (): string => `${prefix}:{inbox}:inbox`;

/** As a backend does. */
async function add(admin: Redis, channel: string, data: string | Buffer, key?: string): Promise<void> {
  const keyed = key === undefined ? [] : ['key', key];
  await admin.call('xadd', inbox(), '*', 'channel', channel, 'data', data, ...keyed);
}

describe.each<[string, () => Promise<RedisSetUp>, (setUp: RedisSetUp) => Promise<Redis>]>([
  ['one server', async () => Standalone.start(), async (setUp) => (setUp as Standalone).server.admin],
  ['Sentinel', async () => SentinelSetUp.start(), async (setUp) => (await (setUp as SentinelSetUp).primary()).admin],
  [
    'a cluster',
    async () => ClusterSetUp.start(),
    async (setUp) => (await (setUp as ClusterSetUp).shardOf(tagSlot('inbox'))).primary.admin,
  ],
])('the inbox of %s', { timeout: 30_000 }, (_, open, adminOf) => {
  let setUp: RedisSetUp;
  let admin: Redis;
  beforeAll(async () => {
    setUp = await open();
    admin = await adminOf(setUp);
  });
  afterAll(async () => setUp.close());

  it('promises 1 and 2: its messages reach every pod in order, and then it is empty', async () => {
    await startPods(setUp, 2);
    const numbers = Array.from({ length: 100 }, (__, number) => `${number}`);
    await Promise.all(numbers.flatMap((number) => CHANNELS.map(async (channel) => add(admin, channel, number))));
    await pods[0]?.publish('news:1', '"by the gateway"');
    for (const pod of pods) {
      for (const channel of CHANNELS) {
        const count = numbers.length + (channel === 'news:1' ? 1 : 0);
        await eventually(() => expect(pod.delivered(channel).length).toBe(count), 20_000);
        expect(payloads(pod, channel).filter((payload) => payload !== '"by the gateway"')).toEqual(numbers);
      }
      expect([pod.refused, pod.faults, pod.invalid]).toEqual([[], [], []]);
    }
    await until(async () => expect(await admin.xlen(inbox())).toBe(0));
  });

  it('what is refused is reported once and removed; a repeated key stores nothing', async () => {
    await startPods(setUp, 2);
    await add(admin, 'news:1', '{ "a": "�" }', 'k');
    await add(admin, 'news:1', '{"a":"�"}', 'k');
    await add(admin, 'news:1', '2', 'k');
    await add(admin, 'news:1', '{');
    await add(admin, 'news:1', Buffer.from([0x22, 0xf0, 0x9f, 0x98, 0x22]));
    await add(admin, 'news:1', JSON.stringify('x'.repeat(65_536)));
    await add(admin, 'chat:1', JSON.stringify('x'.repeat(65_536)));
    await admin.call('xadd', inbox(), '*', 'other', 'fields');
    await add(admin, 'news:1', '"last"');
    for (const pod of pods) await until(() => expect(payloads(pod, 'news:1')).toEqual(['{"a":"�"}', '"last"']));
    await until(async () => expect(await admin.xlen(inbox())).toBe(0));
    expect(pods.flatMap(({ refused }) => refused).toSorted()).toEqual([
      'forbidden ',
      'forbidden chat:1',
      'key_conflict news:1',
      'malformed news:1',
      'malformed news:1',
      'too_large news:1',
    ]);
    expect(pods.flatMap(({ faults }) => faults)).toEqual([]);
  });
});

describe('the inbox of Redis', { timeout: 30_000 }, () => {
  let setUp: Standalone;
  beforeAll(async () => {
    setUp = await Standalone.start();
  });
  afterAll(async () => setUp.close());

  it('is published by one pod, by another one when that stops, and waits if there is none', async () => {
    const { admin } = setUp.server;
    const [first] = await startPods(setUp, 1);
    const holder = async (): Promise<string | null> => admin.get(`${prefix}:{inbox}:drained-by`);
    await until(async () => expect(await holder()).not.toBeNull());
    const formerHolder = await holder();
    const second = await startPod(setUp);
    await add(admin, 'news:1', '1');
    await until(() => expect(payloads(second, 'news:1')).toEqual(['1']));
    expect(await holder()).toBe(formerHolder);
    await first?.close();
    await add(admin, 'news:1', '2');
    await until(() => expect(payloads(second, 'news:1')).toEqual(['1', '2']));
    expect(await holder()).not.toBe(formerHolder);
    await second.close();
    expect(await holder()).toBeNull();
    await add(admin, 'news:1', '3');
    const third = await startPod(setUp);
    await until(async () => expect(await admin.xlen(inbox())).toBe(0));
    const { publications } = await third.broker.history('news:1', { limit: 10 });
    expect(publications.map(({ payload }) => payload)).toEqual(['1', '2', '3']);
  });

  it('promise 4: an entry that was published and cannot be removed is not published again, by no other pod either', async () => {
    const { admin } = setUp.server;
    const [first] = await startPods(setUp, 1);
    await admin.call('acl', 'setuser', 'default', '-xdel');
    try {
      for (const data of ['1', '2', '3']) await add(admin, 'news:1', data);
      await until(() => expect(first && payloads(first, 'news:1')).toEqual(['1', '2', '3']));
      const second = await startPod(setUp);
      await first?.close();
      await until(async () => expect(await admin.info('commandstats')).toMatch(/cmdstat_xdel:.*rejected_calls=[3-9]/));
      await admin.call('acl', 'setuser', 'default', '+xdel');
      await add(admin, 'news:1', '"last"');
      await until(() => expect(payloads(second, 'news:1')).toEqual(['"last"']));
      await until(async () => expect(await admin.xlen(inbox())).toBe(0));
      const { publications } = await second.broker.history('news:1', { limit: 10 });
      expect(publications.map(({ payload }) => payload)).toEqual(['1', '2', '3', '"last"']);
      // After an entry is removed, it is remembered for a minute.
      const keys = await admin.keys(`${prefix}:{news:1}:key:*`);
      expect(keys).toHaveLength(4);
      for (const key of keys) expect(await admin.pttl(key)).toBeLessThanOrEqual(60_000);
    } finally {
      await admin.call('acl', 'setuser', 'default', '+xdel');
    }
  });
});
