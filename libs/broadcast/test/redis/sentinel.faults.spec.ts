import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { eventually, SentinelSetUp, uniquePrefix, type RedisServer } from '../support/redis-servers.js';

const CHANNELS = ['news:1', 'news:2', 'news:3'];
const QUIET = 'quiet';

describe('two pods on a primary with sentinels', () => {
  let redis: SentinelSetUp;
  let primary: RedisServer;
  let pods: Subscriber[];
  let load: Load;

  beforeEach(async () => {
    redis = await SentinelSetUp.start();
    primary = await redis.primary();
    const url = redis.url({ prefix: uniquePrefix() });
    pods = [new Subscriber(createBroker(url)), new Subscriber(createBroker(url))];
    await Promise.all(pods.map(async (pod) => pod.start([...CHANNELS, QUIET])));
    load = new Load(pods, CHANNELS);
    load.start();
    await load.flows();
  });
  afterEach(async () => {
    await load.stop();
    await Promise.all(pods.map(async ({ broker }) => broker.close()));
    await redis.close();
  });

  /** All pods use a new primary and have received a gap, even on the quiet channel. */
  async function recovered(): Promise<void> {
    await eventually(async () => expect(await redis.primary()).not.toBe(primary), 40_000);
    await load.flows(40_000);
    for (const pod of pods) {
      await eventually(() => {
        expect(pod.broker.health()).toEqual({ status: 'up' });
        for (const channel of [...CHANNELS, QUIET]) expect(pod.gaps(channel).length).toBeGreaterThanOrEqual(1);
      });
    }
  }

  it('continue with the new primary when the old one is killed', async ({ annotate }) => {
    await primary.kill();
    await recovered();
    await load.stop();
    await load.check();
    expect(await load.pauses(annotate)).toBeLessThan(10_000);
  });

  it('continue with the new primary after a failover on command', async ({ annotate }) => {
    await redis.sentinels[0]?.admin.call('sentinel', 'failover', 'main');
    await recovered();
    await load.stop();
    await load.check();
    expect(await load.pauses(annotate)).toBeLessThan(5_000);
  });

  it('leave a primary that is demoted by force while their connections stay open', async ({ annotate }) => {
    const replica = redis.servers.find((server) => server !== primary);
    await replica?.admin.replicaof('NO', 'ONE');
    await primary.admin.replicaof('127.0.0.1', replica?.port ?? 0);
    const demoted = performance.now();
    await eventually(() => {
      for (const { broker } of pods) expect(broker.health().status).toBe('down');
    }, 5_000);
    await annotate(`noticed after ${Math.round(performance.now() - demoted)} ms`);
    // The sentinels react later: with another failover, or by restoring the old primary.
    await load.flows(60_000);
    for (const pod of pods) {
      await eventually(() => {
        for (const channel of [...CHANNELS, QUIET]) expect(pod.gaps(channel).length).toBeGreaterThanOrEqual(1);
      });
    }
    await load.stop();
    await load.check();
    expect(await load.pauses(annotate)).toBeLessThan(60_000);
  });

  it('leave a primary that hangs, and do not return when it wakes up', async ({ annotate }) => {
    await primary.hang();
    await recovered();
    primary.resume();
    await eventually(async () => expect(await primary.admin.role()).toContain('slave'), 20_000);
    await load.flows();
    await load.stop();
    await load.check();
    expect(await load.pauses(annotate)).toBeLessThan(15_000);
  });
});
