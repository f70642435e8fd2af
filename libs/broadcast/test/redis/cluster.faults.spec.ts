import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { tagSlot } from '../../src/redis/topology/key-slot.js';
import { SIGNALS_TAG } from '../../src/redis/keyspace.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { CLUSTER_RIGHTS, RIGHTS } from '../support/rights.js';
import { ClusterSetUp, eventually, uniquePrefix } from '../support/redis-servers.js';

const CHANNELS = ['news:1', 'news:2', 'news:3', 'news:4', 'news:5', 'news:6'];
const QUIET = 'quiet';
const SLOT = tagSlot('news:1');

describe('two pods on a cluster', () => {
  let redis: ClusterSetUp;
  let pods: Subscriber[];
  let load: Load;

  beforeAll(async () => {
    redis = await ClusterSetUp.start();
  });
  afterAll(async () => redis.close());
  beforeEach(async () => {
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
  });

  it('continue through a failover on command', async ({ annotate }) => {
    const { primary, replica } = await redis.shardOf(SLOT);
    await replica.admin.call('cluster', 'failover');
    await eventually(async () => expect((await redis.shardOf(SLOT)).primary).not.toBe(primary));
    await load.flows();
    await load.stop();
    await load.check();
    await redis.settled();
    expect(await load.pauses(annotate)).toBeLessThan(5_000);
  });

  it('continue while slots move, back and forth', async ({ annotate }) => {
    const { primary: source } = await redis.shardOf(SLOT);
    const { primary: target } = await redis.shardOf((SLOT + 8_192) % 16_384);
    expect(target).not.toBe(source);
    for (const [from, to] of [
      [source, target],
      [target, source],
    ] as const) {
      await redis.migrate(SLOT, from, to, async () => sleep(700));
      await load.flows();
    }
    await load.stop();
    await load.check();
    expect(await load.pauses(annotate)).toBeLessThan(5_000);
  });

  it('receive signals after their slot has moved, back and forth', async () => {
    const slot = tagSlot(SIGNALS_TAG);
    const { primary: source } = await redis.shardOf(slot);
    const { primary: target } = await redis.shardOf((slot + 8_192) % 16_384);
    for (const [from, to] of [
      [source, target],
      [target, source],
    ] as const) {
      await redis.migrate(slot, from, to, async () => undefined);
      const before = pods.map(({ signals }) => signals.length);
      await eventually(async () => {
        await pods[0]?.broker.signal('x');
        for (const [index, { signals }] of pods.entries()) expect(signals.length).toBeGreaterThan(before[index] ?? 0);
      }, 5_000);
    }
    await load.stop();
    await load.check();
  });

  it('lose nothing when subscriber connections are killed on all nodes', async ({ annotate }) => {
    for (const { admin } of redis.servers) await admin.call('client', 'kill', 'type', 'pubsub');
    await load.flows();
    await load.stop();
    await load.check({ lossless: true });
    expect(await load.pauses(annotate)).toBeLessThan(2_000);
  });

  it('need only the documented rights', async () => {
    const rights = [...RIGHTS, ...CLUSTER_RIGHTS];
    for (const { admin } of redis.servers) {
      await admin.call('acl', 'setuser', 'chat', 'reset', 'on', '>hunter2', ...rights);
      await admin.call('acl', 'log', 'reset');
    }
    const url = redis.url({ prefix: 'chat' }).replace('//', '//chat:hunter2@');
    const pod = new Subscriber(createBroker(url));
    try {
      await pod.start(CHANNELS);
      const alone = new Load([pod], CHANNELS);
      alone.start();
      await alone.flows();
      await alone.stop();
      await alone.check({ lossless: true });
      await pod.broker.signal('x');
      await eventually(() => expect(pod.signals).toHaveLength(1));
      for (const { admin } of redis.servers) expect(await admin.call('acl', 'log')).toEqual([]);
    } finally {
      await pod.broker.close();
    }
  });

  it('continue with the replica when a primary is killed', async ({ annotate }) => {
    const { primary } = await redis.shardOf(SLOT);
    await primary.kill();
    await eventually(async () => expect(await redis.primaryOf(SLOT, primary)).not.toBe(primary), 20_000);
    await load.flows();
    for (const pod of pods) {
      await eventually(() => {
        expect(pod.gaps('news:1').length).toBeGreaterThanOrEqual(1);
        expect(pod.broker.health()).toEqual({ status: 'up' });
      });
    }
    await load.stop();
    await load.check();
    expect(await load.pauses(annotate)).toBeLessThan(10_000);
  });
});
