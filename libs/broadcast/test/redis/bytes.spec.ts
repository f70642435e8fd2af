import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Position } from '../../src/broker.js';
import { createBroker } from '../../src/create-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { RedisServer, uniquePrefix } from '../support/redis-servers.js';

const CHANNEL = 'large';
const SIZE = 65_000;
const STORED = 200;
const MAX_BYTES = 4 * SIZE;

describe('how much Redis sends for requests', () => {
  let redis: RedisServer;
  let here: Pod;
  let there: Pod;
  let first: Position;

  beforeAll(async () => {
    redis = await RedisServer.start();
    const url = `${redis.url}?prefix=${uniquePrefix()}`;
    [here, there] = [new Pod(createBroker(url)), new Pod(createBroker(url))];
    await Promise.all([here, there].map(async (pod) => pod.start()));
    const small = await here.publish(CHANNEL, 'small');
    first = { epoch: small.epoch, offset: 0 };
    for (let stored = 0; stored < STORED; stored += 1) await here.publish(CHANNEL, 'x'.repeat(SIZE));
    for (let index = 0; index < STORED; index += 1) {
      await here.broker.join(CHANNEL, { client: `c${index}`, details: 'x'.repeat(25_000) }, 'h');
    }
  });
  afterAll(async () => {
    await Promise.all([here, there].map(async (pod) => pod.close()));
    await redis.close();
  });
  beforeEach(async () => {
    await redis.admin.config('RESETSTAT');
  });

  async function sent(): Promise<number> {
    return redis.infoNumber('stats', 'total_net_output_bytes');
  }

  it.each<[name: string, query: { limit: number; reverse?: boolean; since?: boolean }]>([
    ['a page of the history', { limit: 1_000 }],
    ['a page of the history, newest first', { limit: 1_000, reverse: true }],
    ['a history that goes on after a position', { limit: 1_000, since: true }],
  ])('%s is not larger than the answer may be', async (_, { since = false, ...query }) => {
    const history = await there.broker.history(CHANNEL, {
      ...query,
      maxBytes: MAX_BYTES,
      ...(since && { since: first }),
    });
    expect(history.publications.length).toBeGreaterThanOrEqual(4);
    expect(history.complete).toBe(true);
    expect(await sent()).toBeLessThan(1.2 * MAX_BYTES);
  });

  it('a resume on a pod with the channel in memory reads at most what it keeps and what it may answer', async () => {
    await there.broker.subscribe(CHANNEL, LASTING);
    await redis.admin.config('RESETSTAT');
    const query = { since: first, limit: 1_000, maxBytes: MAX_BYTES };
    const histories = await Promise.all(
      Array.from({ length: 50 }, async () => there.broker.history(CHANNEL, { ...query })),
    );
    for (const { publications, complete } of histories) {
      expect(complete).toBe(true);
      expect(publications.length).toBeGreaterThanOrEqual(4);
      expect(publications.length).toBeLessThan(6);
    }
    // What is read ahead, the newest and the oldest page; not once per resume.
    expect(await sent()).toBeLessThan(6 * MAX_BYTES);
  });

  it('a list of members is not larger than the answer may be', async () => {
    const { members, count } = await there.broker.members(CHANNEL, { limit: STORED, maxBytes: 100_000 });
    expect(members).toHaveLength(3);
    expect(count).toBe(STORED);
    expect(await sent()).toBeLessThan(150_000);
  });

  it('the answer to a publish does not wait behind many large histories', async () => {
    const READS = 48;
    let histories = 0;
    const reading = Promise.allSettled(
      Array.from({ length: READS }, async (_, index) => {
        // All different, so that none is shared.
        await there.broker.history(CHANNEL, { limit: 1_000 - index, maxBytes: 8 * SIZE });
        histories += 1;
      }),
    );
    await until(() => expect(histories).toBeGreaterThan(0));
    await there.publish('other', 'x');
    // Without a limit of bytes in flight all of them would be answered first.
    expect(histories).toBeLessThan(READS);
    await reading;
  });
});
