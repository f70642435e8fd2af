import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNPUBLISHED_TTL } from '../../src/broker.js';
import { createBroker } from '../../src/create-broker.js';
import { LASTING, Pod } from '../../src/testing/pod.js';
import { eventually, RedisServer, uniquePrefix } from '../support/redis-servers.js';

const CHANNELS = 3_000;
/** ms for which commands are counted. */
const WATCHED = 4_000;
/** ms before a channel without subscribers is detached. */
const LINGER = 3_000;

describe('what idle channels cost Redis', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(async () => redis.close());

  async function start(): Promise<{ pod: Pod; prefix: string }> {
    const prefix = uniquePrefix();
    const pod = new Pod(createBroker(`${redis.url}?prefix=${prefix}`));
    await pod.start();
    return { pod, prefix };
  }

  /** How many commands all pods send during this time, including those of scripts. */
  async function commandsWhile(duration: number): Promise<number> {
    await redis.admin.config('RESETSTAT');
    await sleep(duration);
    const stats = await redis.admin.info('commandstats');
    return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  }

  async function ttls(pattern: string): Promise<number[]> {
    const keys = await redis.admin.keys(pattern);
    return Promise.all(keys.map(async (key) => redis.admin.pttl(key)));
  }

  it('does not grow with their number, whether anything was published on them or not', async ({ annotate }) => {
    const { pod } = await start();
    try {
      const none = await commandsWhile(WATCHED);
      const names = Array.from({ length: CHANNELS }, (_, index) => `idle:${index}`);
      await Promise.all(names.slice(0, CHANNELS / 2).map(async (name) => pod.publish(name, 'x')));
      await Promise.all(names.map(async (name) => pod.broker.subscribe(name, LASTING)));
      // On a machine that stalls, connections may be reopened: then every position is compared once.
      await eventually(async () => {
        const idle = await commandsWhile(WATCHED);
        await annotate(`${none} commands in ${WATCHED} ms without channels, ${idle} with ${CHANNELS}`);
        expect(idle - none).toBeLessThan(CHANNELS / 20);
      }, 30_000);
    } finally {
      await pod.close();
    }
  });

  it('is not permanent: a channel without publications is soon forgotten after its last subscriber has left', async () => {
    const { pod, prefix } = await start();
    try {
      const names = Array.from({ length: 50 }, (_, index) => `churn:${index}`);
      await Promise.all(names.map(async (name) => pod.broker.subscribe(name, LASTING)));
      await pod.publish('churn:0', 'x');
      await Promise.all(names.map(async (name) => pod.broker.unsubscribe(name)));
      await eventually(async () => {
        const kept = await ttls(`${prefix}:{churn:*`);
        const long = kept.filter((ttl) => ttl > UNPUBLISHED_TTL);
        // The position and the history of the one channel with a publication.
        expect(long).toHaveLength(2);
      }, LINGER + 10_000);
    } finally {
      await pod.close();
    }
  });

  it('is released even if Redis has forgotten its scripts', async () => {
    const { pod, prefix } = await start();
    try {
      await pod.broker.subscribe('left', LASTING);
      await redis.admin.script('FLUSH');
      await pod.broker.unsubscribe('left');
      await eventually(async () => {
        for (const ttl of await ttls(`${prefix}:{left}:*`)) expect(ttl).toBeLessThanOrEqual(UNPUBLISHED_TTL);
      }, LINGER + 10_000);
    } finally {
      await pod.close();
    }
  });
});
