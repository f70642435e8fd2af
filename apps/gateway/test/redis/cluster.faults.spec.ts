import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tagSlot } from '../../../../libs/broadcast/src/redis/topology/key-slot.js';
import { ClusterSetUp, eventually, uniquePrefix } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startPods, type PodProcess } from '../support/pod-process.js';
import { CHANNELS, expectLossless, expectNotified, longHistory, survive } from './support/survive.js';

const [CHANNEL] = CHANNELS;
const SLOT = tagSlot(CHANNEL);

describe('promises 1 to 4 and 6 hold for all clients of two pods when', () => {
  let redis: ClusterSetUp;
  let pods: readonly [PodProcess, PodProcess];

  beforeAll(async () => {
    redis = await ClusterSetUp.start();
  }, 600_000);
  afterAll(() => redis.close());
  beforeEach(async () => {
    await redis.settled();
  });

  async function start(): Promise<void> {
    pods = await startPods(redis.url({ prefix: uniquePrefix() }), ['here', 'there'] as const, await longHistory());
  }

  it('CLUSTER FAILOVER promotes a replica', async ({ annotate }) => {
    await start();
    const { primary, replica } = await redis.shardOf(SLOT);
    const replicationId = await primary.infoText('replication', 'master_replid');
    const others = CHANNELS.filter((channel) => tagSlot(channel) !== SLOT);
    const moved = new Set<string>([CHANNEL]);
    for (const channel of others) if ((await redis.shardOf(tagSlot(channel))).primary === primary) moved.add(channel);
    expect(moved.size).toBeLessThan(CHANNELS.length);
    const journals = await survive(
      pods,
      async () => {
        await replica.admin.call('cluster', 'failover');
        await eventually(async () => expect((await redis.shardOf(SLOT)).primary).toBe(replica));
        expect(await primary.admin.role()).toContain('slave');
        expect(await replica.infoText('replication', 'master_replid')).not.toBe(replicationId);
      },
      { annotate },
    );
    expectNotified(journals.filter(({ channel }) => moved.has(channel)));
    expectLossless(journals.filter(({ channel }) => !moved.has(channel)));
  });

  it('a slot moves to another primary', async ({ annotate }) => {
    await start();
    const { primary: source } = await redis.shardOf(SLOT);
    const { primary: target } = await redis.shardOf((SLOT + 8_192) % 16_384);
    expect(target).not.toBe(source);
    const journals = await survive(
      pods,
      async () => {
        expect(await source.admin.call('cluster', 'countkeysinslot', SLOT)).toBeGreaterThan(0);
        await redis.migrate(SLOT, source, target, async () => sleep(700));
        expect((await redis.shardOf(SLOT)).primary).toBe(target);
        expect(await source.admin.call('cluster', 'countkeysinslot', SLOT)).toBe(0);
        expect(await target.admin.call('cluster', 'countkeysinslot', SLOT)).toBeGreaterThan(0);
      },
      { annotate },
    );
    expectNotified(journals.filter(({ channel }) => channel === CHANNEL));
    expectLossless(journals.filter(({ channel }) => channel !== CHANNEL));
  });
});
