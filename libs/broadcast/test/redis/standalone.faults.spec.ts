import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { History, ChannelMember, Position } from '../../src/broker.js';
import { BrokerUnavailableError } from '../../src/errors.js';
import { createBroker } from '../../src/create-broker.js';
import { Load, STREAM, Subscriber } from '../../src/testing/load.js';
import { eventually, RedisServer, uniquePrefix } from '../support/redis-servers.js';
import { SilentProxy } from '../support/silent-proxy.js';
import { Stopwatch } from '../../src/testing/stopwatch.js';

const CHANNELS = ['news:1', 'news:2', 'news:3'];
const QUIET = 'quiet';

describe('two pods on a standalone Redis', () => {
  let redis: RedisServer;
  let here: Subscriber;
  let there: Subscriber;
  let load: Load;

  beforeEach(async () => {
    redis = await RedisServer.start();
    const url = `${redis.url}?prefix=${uniquePrefix()}`;
    [here, there] = [new Subscriber(createBroker(url)), new Subscriber(createBroker(url))];
    await Promise.all([here, there].map(async (pod) => pod.start([...CHANNELS, QUIET])));
    load = new Load([here, there], CHANNELS);
  });
  afterEach(async () => {
    await load.stop();
    await Promise.all([here, there].map(async ({ broker }) => broker.close()));
    await redis.close();
  });

  it('lose nothing when Redis disconnects a slow subscriber', async ({ annotate }) => {
    load.start(8, 1, 20_000);
    await load.flows();
    await redis.admin.config('SET', 'client-output-buffer-limit', 'pubsub 10kb 0 0');
    await eventually(async () =>
      expect(await readFile(`${redis.directory}/log`, 'utf8')).toContain('overcoming of output buffer limits'),
    );
    await redis.admin.config('SET', 'client-output-buffer-limit', 'pubsub 32mb 8mb 60');
    await load.flows();
    await load.stop();
    await load.check({ lossless: true });
    expect(await load.pauses(annotate)).toBeLessThan(2_000);
  });

  it('receive a gap when all data is flushed, even on a quiet channel', async ({ annotate }) => {
    const before = here.position(QUIET);
    load.start();
    await load.flows();
    const began = performance.now();
    await redis.admin.flushall();
    await load.flows();
    for (const pod of [here, there]) await eventually(() => expect(pod.gaps(QUIET)).toHaveLength(1));
    await annotate(`the quiet channel received a gap after ${Math.round(performance.now() - began)} ms`);
    await load.stop();
    await load.check();
    for (const pod of [here, there]) {
      for (const channel of CHANNELS) expect(pod.gaps(channel).length).toBeGreaterThanOrEqual(1);
    }
    const since = before ?? { epoch: '', offset: 0 };
    expect(await here.broker.history(QUIET, { since, limit: 10 })).toMatchObject({ complete: false });
  });

  it('receive a presence gap only if their subscriptions were interrupted', async () => {
    await there.broker.join(QUIET, member('ann'), 'h2');
    await there.broker.join(QUIET, member('bob'), 'h2');
    await eventually(() => expect(here.presence).toHaveLength(2));
    expect(here.presenceGaps).toEqual([]);
    await redis.admin.call('client', 'kill', 'type', 'pubsub');
    await there.broker.leave(QUIET, 'bob', 'h2');
    const all = new Set([...CHANNELS, QUIET]);
    for (const pod of [here, there]) await eventually(() => expect(new Set(pod.presenceGaps)).toEqual(all));
    expect(await here.broker.members(QUIET, { limit: 10 })).toEqual({ members: [member('ann')], count: 1 });
    const { length } = here.presenceGaps;
    await redis.admin.flushall();
    await eventually(() => expect(new Set(here.presenceGaps.slice(length))).toEqual(all), 20_000);
    expect(await here.broker.members(QUIET, { limit: 10 })).toEqual({ members: [member('ann')], count: 1 });
  });

  it('register connections that were opened while Redis hung, when it is back', async () => {
    const connection = { client: 'ann', holder: 'h', user: 'u', node: 'n', since: 1 };
    await redis.hang();
    await eventually(() => expect(here.broker.health().status).toBe('down'));
    await expect(here.broker.register(connection)).rejects.toThrow(BrokerUnavailableError);
    redis.resume();
    await eventually(async () => expect(await there.broker.connections('u')).toEqual([connection]));
  });

  it('restore their entries that Redis has lost, except clients that the other pod has now', async () => {
    const connection = { client: 'ann', user: 'u', node: 'n', since: 1 };
    for (const [pod, holder] of [
      [here, 'h1'],
      [there, 'h2'],
    ] as const) {
      await pod.broker.join(QUIET, member('ann'), holder);
      await pod.broker.register({ ...connection, holder });
    }
    await here.broker.join(QUIET, member('bob'), 'h1');
    const [pods, order] = [await redis.admin.keys('*:pods'), await redis.admin.keys(`*{${QUIET}}:order`)];
    await redis.admin.zrem(order[0] ?? '', 'bob');
    await redis.admin.hdel((order[0] ?? '').replace('order', 'members'), 'bob');
    await redis.admin.del(pods);
    await eventually(async () => expect(await there.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 2 }));
    await eventually(() => expect([here.late, there.late]).toEqual([[`${QUIET} join bob of 2`], []]));
    await eventually(async () => expect(await here.broker.connections('u')).toEqual([{ ...connection, holder: 'h2' }]));
    await here.broker.leave(QUIET, 'ann', 'h1');
    await here.broker.unregister('u', 'ann', 'h1');
    expect(await there.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 2 });
    expect(await there.broker.connections('u')).toHaveLength(1);
  });

  it('remove clients that have left if Redis has lost that', async () => {
    const connection = { client: 'ann', holder: 'h', user: 'u', node: 'n', since: 1 };
    for (const client of ['ann', 'bob']) await here.broker.join(QUIET, member(client), 'h');
    await here.broker.join('left', member('ann'), 'h');
    await here.broker.register(connection);
    const keys = await redis.admin.keys('*');
    const dumps = await Promise.all(keys.map(async (key) => redis.admin.dumpBuffer(key)));
    await here.broker.leave(QUIET, 'ann', 'h');
    await here.broker.leave('left', 'ann', 'h');
    await here.broker.unregister('u', 'ann', 'h');
    // As after a failover to a replica that was behind.
    await Promise.all(keys.map(async (key, index) => redis.admin.restore(key, 0, dumps[index] ?? '', 'REPLACE')));
    expect(await there.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 2 });
    expect(await there.broker.connections('u')).toHaveLength(1);
    await redis.admin.del(await redis.admin.keys('*:pods'));
    await eventually(async () => {
      expect(await there.broker.members(QUIET, { limit: 10 })).toEqual({ members: [member('bob')], count: 1 });
      expect(await there.broker.members('left', { limit: 0 })).toMatchObject({ count: 0 });
      expect(await there.broker.connections('u')).toEqual([]);
    });
    expect(there.presence.filter((line) => line === `${QUIET} - ann`)).toHaveLength(2);
  });
});

describe('a pod whose network drops everything', () => {
  it('notices within 5 s, refuses calls within 2 s, and then catches up', async ({ annotate }) => {
    const redis = await RedisServer.start();
    const proxy = await SilentProxy.start(redis.port);
    const prefix = uniquePrefix();
    const cut = new Subscriber(createBroker(`${proxy.url}?prefix=${prefix}`));
    const whole = new Subscriber(createBroker(`${redis.url}?prefix=${prefix}`));
    try {
      await Promise.all([cut, whole].map(async (pod) => pod.start(CHANNELS)));
      const load = new Load([whole], CHANNELS);
      load.start();
      await load.flows();
      proxy.silence();
      const watch = new Stopwatch();
      await expect(
        cut.broker.publish({ channel: 'news:1', payload: 'x', stream: STREAM }),
        'sent, but not answered',
      ).rejects.toThrow('no answer from Redis');
      expect(watch.elapsed).toBeLessThan(2_000);
      await eventually(() => expect(cut.broker.health().status).toBe('down'), 5_000);
      await annotate(`noticed after ${Math.round(watch.elapsed)} ms`);
      expect(watch.elapsed).toBeLessThan(5_000);
      await expect(cut.broker.publish({ channel: 'news:1', payload: 'x', stream: STREAM }), 'not sent').rejects.toThrow(
        BrokerUnavailableError,
      );
      await load.flows();
      proxy.restore();
      const restored = performance.now();
      const all = new Load([cut, whole], CHANNELS);
      all.acknowledged.push(...load.acknowledged);
      await eventually(() => expect(cut.broker.health().status).toBe('up'));
      await annotate(`recovered after ${Math.round(performance.now() - restored)} ms`);
      await load.stop();
      all.acknowledged.splice(0, Infinity, ...load.acknowledged);
      await all.check({ lossless: true });
    } finally {
      await Promise.all([cut, whole].map(async ({ broker }) => broker.close()));
      await proxy.close();
      await redis.close();
    }
  });
});

describe('a pod whose subscriptions are lost while its connections work', () => {
  it('notices within 5 s, and misses nothing', async ({ annotate }) => {
    const redis = await RedisServer.start();
    const proxy = await SilentProxy.start(redis.port);
    const prefix = uniquePrefix();
    const deaf = new Subscriber(createBroker(`${proxy.url}?prefix=${prefix}`));
    const whole = new Subscriber(createBroker(`${redis.url}?prefix=${prefix}`));
    try {
      await Promise.all([deaf, whole].map(async (pod) => pod.start([QUIET])));
      proxy.mute();
      const began = performance.now();
      // No later message reveals that it is missing.
      await whole.broker.publish({ channel: QUIET, payload: 'x', stream: STREAM });
      await eventually(() => expect(deaf.payloads(QUIET)).toEqual(['x']), 5_000);
      await annotate(`delivered after ${Math.round(performance.now() - began)} ms`);
      await whole.broker.publish({ channel: QUIET, payload: 'y', stream: STREAM });
      await eventually(() => expect(deaf.payloads(QUIET)).toEqual(['x', 'y']));
      expect(deaf.gaps(QUIET)).toEqual([]);
    } finally {
      await Promise.all([deaf, whole].map(async ({ broker }) => broker.close()));
      await proxy.close();
      await redis.close();
    }
  });
});

describe('a pod with many channels', () => {
  it('subscribes again in batches', async () => {
    const redis = await RedisServer.start();
    const pod = new Subscriber(createBroker(redis.url));
    const channels = Array.from({ length: 1_000 }, (_, index) => `news:${index}`);
    try {
      await pod.start(channels);
      await redis.admin.config('RESETSTAT');
      await redis.admin.call('client', 'kill', 'type', 'pubsub');
      const subscribes = async (): Promise<number> =>
        Number(/cmdstat_subscribe:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1] ?? 0);
      await eventually(async () => {
        expect(await subscribes()).toBeGreaterThan(0);
        expect(await redis.admin.pubsub('CHANNELS', '*:live')).toHaveLength(channels.length);
      });
      for (const channel of channels) await pod.broker.publish({ channel, payload: 'x', stream: STREAM });
      await eventually(() => {
        for (const channel of channels) expect(pod.payloads(channel)).toEqual(['x']);
      });
      // Signals and the probe are subscribed to as well.
      expect(await subscribes()).toBeLessThanOrEqual(10);
    } finally {
      await pod.broker.close();
      await redis.close();
    }
  });
});

describe('a Redis that is down', () => {
  it('at the start: the pod starts, is down with a reason without secrets, and comes up by itself', async () => {
    const redis = await RedisServer.start(['requirepass hunter2']);
    await redis.kill();
    const url = `redis://:hunter2@127.0.0.1:${redis.port}`;
    const pod = new Subscriber(createBroker(url));
    try {
      await pod.broker.start(pod);
      await eventually(() =>
        expect(pod.broker.health()).toEqual({ status: 'down', reason: `127.0.0.1:${redis.port}: ECONNREFUSED` }),
      );
      const publish = pod.broker.publish({ channel: 'news:1', payload: 'x', stream: STREAM });
      await expect(publish).rejects.toThrow(BrokerUnavailableError);
      await redis.run();
      await eventually(() => expect(pod.broker.health()).toEqual({ status: 'up' }), 3_000);
      await pod.subscribe('news:1');
    } finally {
      await pod.broker.close();
      await redis.close();
    }
  });

  it.each([
    ['wrong', ':secret', 'Redis answered WRONGPASS'],
    ['missing', '', 'Redis answered NOAUTH'],
  ])('a %s password is the reason, and is not shown', async (_, password, reason) => {
    const redis = await RedisServer.start(['requirepass hunter2']);
    const { broker } = new Subscriber(createBroker(`redis://${password}@127.0.0.1:${redis.port}`));
    try {
      await broker.start(new Subscriber(broker));
      await eventually(() =>
        expect(broker.health()).toEqual({ status: 'down', reason: `127.0.0.1:${redis.port}: ${reason}` }),
      );
    } finally {
      await broker.close();
      await redis.close();
    }
  });
});

function member(client: string): ChannelMember {
  return { client, details: '{}' };
}

describe('a pod that dies', () => {
  it('loses its members within 30 s, each once, except those that returned elsewhere', async ({ annotate }) => {
    const redis = await RedisServer.start();
    const proxy = await SilentProxy.start(redis.port);
    const prefix = uniquePrefix();
    const dying = new Subscriber(createBroker(`${proxy.url}?prefix=${prefix}`));
    const survivors = [1, 2].map(() => new Subscriber(createBroker(`${redis.url}?prefix=${prefix}`)));
    const [first, second] = survivors;
    if (first === undefined || second === undefined) throw new Error('no survivors');
    const clients = Array.from({ length: 1_000 }, (_, index) => `client ${index}`);
    try {
      await Promise.all([dying, first, second].map(async (pod) => pod.start([QUIET])));
      // Retries if a busy machine did not answer in time.
      const join = async (client: string): Promise<unknown> =>
        eventually(async () => dying.broker.join(QUIET, member(client), 'before'));
      for (let start = 0; start < clients.length; start += 100) {
        await Promise.all(clients.slice(start, start + 100).map(join));
      }
      await dying.broker.register({ client: 'c', holder: 'h', user: 'ann', node: 'n', since: 1 });
      expect(await first.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 1_000 });
      expect(await first.broker.connections('ann')).toHaveLength(1);
      proxy.silence();
      const died = performance.now();
      const back = clients.slice(0, 100);
      await Promise.all(back.map(async (client) => first.broker.join(QUIET, member(client), 'after')));
      await eventually(
        async () => expect(await second.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 100 }),
        30_000,
      );
      await annotate(`swept after ${Math.round(performance.now() - died)} ms`);
      expect(await first.broker.connections('ann')).toEqual([]);
      const left = clients.slice(100).map((client) => `${QUIET} - ${client}`);
      for (const { presence } of survivors) {
        await eventually(() =>
          expect(presence.filter((line) => line.includes(' - ')).toSorted()).toEqual(left.toSorted()),
        );
      }

      const late = survivors.flatMap((pod) => pod.late);
      const counts = late.map((line) => Number(line.split(' of ')[1]));
      expect(counts.toSorted((a, b) => a - b)).toEqual(left.map((_, index) => 100 + index));
      expect(new Set(late.map((line) => line.split(' of ')[0])).size).toBe(left.length);

      proxy.restore();
      await eventually(
        async () => expect(await first.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 1_000 }),
        15_000,
      );
      await eventually(() => expect(dying.late).toHaveLength(left.length));
      for (const line of dying.late) expect(line).toContain(' join ');
      await dying.broker.leave(QUIET, back[0] ?? '', 'before');
      expect(await first.broker.members(QUIET, { limit: 0 })).toMatchObject({ count: 1_000 });
    } finally {
      await Promise.all([dying, ...survivors].map(async ({ broker }) => broker.close()));
      await proxy.close();
      await redis.close();
    }
  });
});

describe('a pod whose network fails for a moment', () => {
  it('removes the client that left in the meantime, and reports a late leave', async () => {
    const redis = await RedisServer.start();
    const proxy = await SilentProxy.start(redis.port);
    const pod = new Subscriber(createBroker(proxy.url));
    try {
      await pod.start([QUIET]);
      for (const client of ['ann', 'bob']) await pod.broker.join(QUIET, member(client), 'h');
      proxy.silence();
      await expect(pod.broker.leave(QUIET, 'ann', 'h')).rejects.toThrow('no answer from Redis');
      proxy.restore();
      // A join during the first heartbeat of its pod may be reported as late too, but leaves are not.
      const leaves = (): string[] => pod.late.filter((line) => line.includes(' leave '));
      await eventually(() => expect(leaves()).toEqual([`${QUIET} leave ann of 1`]), 15_000);
    } finally {
      await pod.broker.close();
      await proxy.close();
      await redis.close();
    }
  });
});

/** The answer holds everything after its position, and nothing else. */
function expectAll({ since, history }: { since: Position; history: History }): void {
  expect(history.complete).toBe(true);
  expect(history.publications).toHaveLength(history.offset - since.offset);
}

describe('thousands of resumes', () => {
  const CHANNEL = 'news:1';
  const STORED = 500;
  const LIMIT = 1_000;
  let redis: RedisServer;
  let before: Subscriber;
  let after: Subscriber;
  let epoch: string;

  beforeEach(async () => {
    redis = await RedisServer.start();
    const url = `${redis.url}?prefix=${uniquePrefix()}`;
    [before, after] = [new Subscriber(createBroker(url)), new Subscriber(createBroker(url))];
    await before.start();
    const results = await Promise.all(
      Array.from({ length: STORED }, async () =>
        before.broker.publish({ channel: CHANNEL, payload: 'x', stream: STREAM }),
      ),
    );
    epoch = results[0]?.epoch ?? '';
    await after.start([CHANNEL]);
    await redis.admin.config('RESETSTAT');
  });
  afterEach(async () => {
    await Promise.all([before, after].map(async ({ broker }) => broker.close()));
    await redis.close();
  });

  /** Resumes of many clients, each with its own position. */
  async function resume(count: number): Promise<{ since: Position; history: History }[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const since = { epoch, offset: index % (STORED + 1) };
        return { since, history: await after.broker.history(CHANNEL, { since, limit: LIMIT }) };
      }),
    );
  }

  /** How often Redis has read streams. */
  async function reads(): Promise<number> {
    const stats = await redis.admin.info('commandstats');
    const calls = Array.from(stats.matchAll(/cmdstat_x(?:rev)?range:calls=(\d+)/g), ([, count]) => Number(count));
    return calls.reduce((sum, count) => sum + count, 0);
  }

  it('of one channel by 5,000 clients cost a handful of reads', async () => {
    for (const resumed of await resume(5_000)) expectAll(resumed);
    expect(await reads()).toBeGreaterThan(0);
    expect(await reads()).toBeLessThan(10);

    // Positions of an ended epoch cost no more.
    await redis.admin.config('RESETSTAT');
    const since = { epoch: 'gone', offset: 1 };
    await Promise.all(
      Array.from({ length: 5_000 }, async (_, offset) =>
        after.broker.history(CHANNEL, { since: { ...since, offset }, limit: 0 }),
      ),
    );
    expect(await reads()).toBe(0);
  });

  it('cost no more while their pod publishes to the channel, and contain what was acknowledged there', async ({
    annotate,
  }) => {
    const PUBLISHES = 200;
    await Promise.all(
      Array.from({ length: PUBLISHES }, async () => {
        const { offset } = await after.broker.publish({ channel: CHANNEL, payload: 'x', stream: STREAM });
        for (const resumed of await resume(5_000 / PUBLISHES)) {
          expectAll(resumed);
          expect(resumed.history.offset).toBeGreaterThanOrEqual(offset);
        }
      }),
    );
    await annotate(`${await reads()} reads`);
    expect(await reads()).toBeLessThan(10);
  });
});
