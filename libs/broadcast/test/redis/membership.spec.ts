import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BrokerEvents } from '../../src/broker.js';
import { createBroker } from '../../src/create-broker.js';
import { SCRIPTS } from '../../src/redis/scripts/index.js';
import { Subscriber } from '../../src/testing/load.js';
import { eventually, RedisServer, uniquePrefix } from '../support/redis-servers.js';

describe('the lease of a pod', () => {
  const LEASE = 400;
  let redis: RedisServer;
  let beats = 0;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(async () => redis.close());
  beforeEach(async () => redis.admin.flushall());

  /** @param away ms without any heartbeat that count as a break. */
  async function beat(pod: string, away = 10_000): Promise<{ birth: string; contested: boolean; dead: string[] }> {
    beats += 1;
    const args = [pod, `${pod}.${beats}`, LEASE, 'sweep:', 10_000, away, 3_600_000];
    const answer = await redis.admin.eval(SCRIPTS.HEARTBEAT.body, 3, 'pods', 'births', 'watch', ...args);
    const [birth, contested, ...dead] = answer as [string, number, ...string[]];
    return { birth, contested: contested === 1, dead };
  }

  /** Sends heartbeats of a pod for this time. */
  async function keepAlive(pod: string, ms: number): Promise<void> {
    for (const end = performance.now() + ms; performance.now() < end; await sleep(20)) await beat(pod);
  }

  it('keeps its birth after it has run out, unless another pod has claimed to sweep it', async () => {
    const { birth } = await beat('here');
    await sleep(LEASE + 20);
    expect(await beat('here')).toEqual({ birth, contested: false, dead: [] });
    await keepAlive('there', LEASE + 100);
    expect((await beat('there')).dead).toEqual([]);
    expect(await redis.admin.get('sweep:here'), 'claimed meanwhile').toBe('there');
    const back = await beat('here');
    expect(back.birth).not.toBe(birth);
    expect(back.contested).toBe(true);
  });

  it('gets another birth when the server has lost it, and keeps that one', async () => {
    const { birth } = await beat('here');
    await redis.admin.flushall();
    const { birth: another } = await beat('here');
    expect(another).not.toBe(birth);
    expect((await beat('here')).birth).toBe(another);
  });

  it('is not swept until a whole lease has passed since the server was unreachable', async () => {
    for (const pod of ['here', 'there']) await beat(pod);
    await keepAlive('here', LEASE / 2);
    await redis.admin.zadd('pods', 1, 'there');
    // A break shorter than the lease of the pod that asks.
    await sleep(LEASE / 4);
    const resumed = performance.now();
    expect((await beat('here', LEASE / 8)).dead).toEqual([]);
    let dead: string[] = [];
    while (dead.length === 0 && performance.now() < resumed + 10_000) {
      await sleep(20);
      ({ dead } = await beat('here'));
    }
    expect(dead).toEqual(['there']);
    expect(performance.now() - resumed).toBeGreaterThanOrEqual(LEASE);
  });

  it('is not swept or forgotten any more when its pod is back', async () => {
    const claim = async (by: string): Promise<unknown> =>
      redis.admin.eval(SCRIPTS.CLAIM.body, 1, 'pods', 'dead', by, 'sweep:', 10_000);
    await redis.admin.zadd('pods', 1, 'dead');
    expect([await claim('here'), await claim('there'), await claim('here')]).toEqual([1, 0, 1]);
    expect((await beat('dead')).contested).toBe(true);
    expect(await claim('here')).toBe(0);
    expect((await beat('dead')).contested).toBe(false);
    expect(await redis.admin.eval(SCRIPTS.FORGET.body, 2, 'pods', 'births', 'dead', 'sweep:')).toBe(0);
    expect(await redis.admin.zscore('pods', 'dead')).not.toBeNull();
  });
});

describe('a channel whose commands always fail', () => {
  it('does not prevent pods from registering connections and sweeping others', async () => {
    const redis = await RedisServer.start();
    const prefix = uniquePrefix();
    const url = `${redis.url}?prefix=${prefix}`;
    const [here, dead] = [new Subscriber(createBroker(url)), new Subscriber(createBroker(url))];
    const connection = { client: 'ann', holder: 'h', user: 'u', node: 'n', since: 1 };
    try {
      for (const pod of [here, dead]) await pod.start(['room']);
      await dead.broker.join('room', { client: 'bob', details: '{}' }, 'h');
      await here.broker.join('broken', { client: 'ann', details: '{}' }, 'h');
      await redis.admin.set(`${prefix}:{broken}:members`, 'no hash');
      await expect(here.broker.leave('broken', 'ann', 'h')).rejects.toThrow('Redis refused');
      await redis.hang();
      await expect(here.broker.register(connection)).rejects.toThrow('no answer from Redis');
      redis.resume();
      await eventually(async () => expect(await here.broker.connections('u')).toEqual([connection]), 20_000);
      // Its members stay until its lease ends.
      await dead.broker.close();
      await eventually(() => expect(here.late).toEqual(['room leave bob of 0']), 60_000);
    } finally {
      await Promise.all([here, dead].map(async ({ broker }) => broker.close()));
      await redis.close();
    }
  });
});

describe('three pods with many members', () => {
  const MEMBERS = 6_000;
  const ROOM = 30;
  const BATCH = 500;

  it('restore everything in an empty Redis with few commands, and nobody leaves', async ({ annotate }) => {
    const redis = await RedisServer.start();
    const url = `${redis.url}?prefix=${uniquePrefix()}`;
    const pods = Array.from({ length: 3 }, () => createBroker(url));
    const left: string[] = [];
    const events: BrokerEvents = {
      onPublication: () => {},
      onGap: () => {},
      onJoin: () => {},
      onLeave: (_, { client }) => left.push(client),
      onPresenceGap: () => {},
      onLateMembership: (event, _, { client }) => event === 'leave' && left.push(client),
      onSignal: () => {},
      onInvalid: () => {},
      onNotice: () => {},
      onPlainRefused: () => {},
      onFault: () => {},
    };
    try {
      await Promise.all(pods.map(async (pod) => pod.start(events)));
      for (const pod of pods) await eventually(() => expect(pod.health()).toEqual({ status: 'up' }));
      const enter = async (index: number): Promise<void> => {
        const pod = pods[index % pods.length];
        const client = `c${index}`;
        await pod?.join(`room:${index % (MEMBERS / ROOM)}`, { client, details: '{}' }, 'h');
        await pod?.register({ client, holder: 'h', user: `u${index}`, node: 'n', since: 1 });
      };
      // Each call has 2 s: a busy machine does not answer all of them at once in that time.
      for (let start = 0; start < MEMBERS; start += BATCH) {
        await Promise.all(Array.from({ length: BATCH }, async (_, index) => enter(start + index)));
      }
      await redis.kill();
      await eventually(() => expect(pods[0]?.health().status).toBe('down'));
      await redis.run();
      const began = performance.now();
      // A key per user; per channel the members, their order, and those of each pod.
      const keys = MEMBERS + (MEMBERS / ROOM) * (2 + pods.length);
      await eventually(async () => expect(await redis.admin.dbsize()).toBeGreaterThanOrEqual(keys), 60_000);
      const stats = await redis.admin.info('commandstats');
      const scripts = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]);
      // One per user, one per channel and pod; in addition, some before the scripts are loaded, and heartbeats.
      expect(scripts).toBeLessThan(MEMBERS + (MEMBERS / ROOM) * pods.length + 500);
      const [first] = pods;
      expect((await first?.stats())?.reconnects).toBeGreaterThan(0);
      await eventually(async () => {
        for (let room = 0; room < MEMBERS / ROOM; room += 1) {
          expect(await first?.members(`room:${room}`, { limit: 0 })).toMatchObject({ count: ROOM });
        }
        for (let index = 0; index < MEMBERS; index += 1) expect(await first?.connections(`u${index}`)).toHaveLength(1);
      }, 60_000);
      await annotate(
        `everything is restored after ${Math.round(performance.now() - began)} ms, with ${scripts} scripts`,
      );
      expect(await first?.channels({ limit: 1 })).toEqual([]);
      expect(left).toEqual([]);
    } finally {
      await Promise.all(pods.map(async (pod) => pod.close()));
      await redis.close();
    }
  });
});
