import { afterEach, describe, expect, it } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { Pod, until } from '../../src/testing/pod.js';
import { RedisServer } from '../support/redis-servers.js';

describe('a broker whose Redis removes keys once its memory is full', () => {
  const started: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of started.splice(0).toReversed()) await each.close();
  });

  async function start(...lines: string[]): Promise<{ redis: RedisServer; pod: Pod }> {
    const redis = await RedisServer.start(lines);
    const pod = new Pod(createBroker(redis.url));
    started.push(redis, pod);
    await pod.start();
    return { redis, pod };
  }

  it('notifies its operator once, also after it has connected again, and shows the policy until it is changed', async () => {
    const { redis, pod } = await start('maxmemory 100mb', 'maxmemory-policy allkeys-lru');
    expect(pod.notices).toEqual([{ kind: 'evicts', policy: 'allkeys-lru' }]);
    expect(await pod.broker.stats()).toMatchObject({ evictionPolicy: 'allkeys-lru' });

    await redis.admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes');
    await until(async () => expect((await pod.broker.stats()).reconnects).toBeGreaterThan(0));
    expect(pod.notices).toHaveLength(1);

    await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes');
    await until(async () => expect((await pod.broker.stats()).evictionPolicy).toBeUndefined());
  });

  it('notifies nobody if the memory has no limit', async () => {
    const { pod } = await start('maxmemory-policy allkeys-lru');
    expect(pod.notices).toEqual([]);
  });
});
