import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { eventually, RedisServer, uniquePrefix } from '../support/redis-servers.js';

describe('a message that Redis stored and did not deliver', () => {
  let redis: RedisServer;
  let pod: Pod;
  let prefix: string;

  beforeAll(async () => {
    redis = await RedisServer.start();
    prefix = uniquePrefix();
    pod = new Pod(createBroker(`${redis.url}?prefix=${prefix}`));
    await pod.start();
  });
  afterAll(async () => {
    await pod.close();
    await redis.close();
  });

  /** Stores what the script of a publish stores, and delivers nothing. */
  async function store(channel: string, payload: string): Promise<void> {
    const meta = `${prefix}:{${channel}}:meta`;
    const offset = await redis.admin.hincrby(meta, 'o', 1);
    await redis.admin.xadd(`${prefix}:{${channel}}:log`, `${offset}-${Date.now()}`, 'p', payload);
  }

  it('is delivered before the next one, and after 30 s at the latest', async ({ annotate }) => {
    for (const channel of ['busy', 'quiet']) await pod.broker.subscribe(channel, LASTING);
    await pod.publish('busy', 'first');
    await pod.publish('quiet', 'first');
    await store('busy', 'lost');
    await store('quiet', 'lost');
    const lost = performance.now();
    await pod.publish('busy', 'last');
    await until(() => expect(pod.delivered('busy').map(({ payload }) => payload)).toEqual(['first', 'lost', 'last']));
    await eventually(
      () => expect(pod.delivered('quiet').map(({ payload }) => payload)).toEqual(['first', 'lost']),
      35_000,
    );
    await annotate(`the last message of a quiet channel arrived after ${Math.round(performance.now() - lost)} ms`);
    expect(pod.gaps).toEqual([]);
  });
});
