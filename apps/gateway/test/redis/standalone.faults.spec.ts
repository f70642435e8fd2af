import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { NetworkCut } from './support/network-cut.js';
import { startRedis } from './support/redis.js';
import { startPods, type PodProcess } from '../support/pod-process.js';
import { degraded, expectLossless, expectNotified, longHistory, survive } from './support/survive.js';

const NODES = ['here', 'there'] as const;
/** A loopback address, like 127.0.0.1. */
const OTHER_ADDRESS = '127.0.0.2';

type Pods = readonly [PodProcess, PodProcess];

async function start(lines?: readonly string[]): Promise<{ redis: RedisServer; pods: Pods }> {
  const redis = await startRedis(lines);
  return { redis, pods: await startPods(redis.url, NODES, await longHistory()) };
}

describe("promises 1 to 4 and 6 hold for all clients of two pods when Redis'", () => {
  it('subscriber connections are killed', async ({ annotate }) => {
    const { redis, pods } = await start();
    const journals = await survive(
      pods,
      async () => {
        expect(await redis.admin.call('client', 'kill', 'type', 'pubsub')).toBe(pods.length);
      },
      { annotate },
    );
    expectLossless(journals);
  });

  it('output buffer for subscribers is so small that they are disconnected', async ({ annotate }) => {
    const { redis, pods } = await start();
    /** How many times Redis has logged it. */
    const cuts = async (): Promise<number> =>
      ((await readFile(`${redis.directory}/log`, 'utf8')).match(/overcoming of output buffer limits/g) ?? []).length;
    const journals = await survive(
      pods,
      async () => {
        await redis.admin.config('SET', 'client-output-buffer-limit', 'pubsub 10kb 0 0');
        await eventually(async () => expect(await cuts()).toBeGreaterThanOrEqual(pods.length));
        await redis.admin.config('SET', 'client-output-buffer-limit', 'pubsub 32mb 8mb 60');
      },
      { annotate, size: 20_000 },
    );
    expectLossless(journals);
  });

  it('data is flushed', async ({ annotate }) => {
    const { redis, pods } = await start();
    const journals = await survive(
      pods,
      async () => {
        const results = await redis.admin.multi().dbsize().flushall().dbsize().exec();
        const [before, , after] = results?.map(([, result]) => result) ?? [];
        expect(before).toBeGreaterThan(0);
        expect(after).toBe(0);
      },
      { annotate },
    );
    expectNotified(journals);
  });

  it.for(['with', 'without'])('process is killed and restarts %s its data', async (data, { annotate }) => {
    const { redis, pods } = await start();
    const journals = await survive(
      pods,
      async () => {
        const former = await redis.infoText('replication', 'master_replid');
        if (data === 'with') await redis.admin.save();
        await redis.kill();
        await degraded(pods);
        await redis.run();
        expect(await redis.infoText('replication', 'master_replid')).not.toBe(former);
        const loaded = await redis.infoNumber('persistence', 'rdb_last_load_keys_loaded');
        if (data === 'with') expect(loaded).toBeGreaterThan(0);
        else expect(loaded).toBe(0);
      },
      { annotate },
    );
    expectNotified(journals);
  });

  it('process hangs until the pods detect it', async ({ annotate }) => {
    const { redis, pods } = await start();
    const journals = await survive(
      pods,
      async () => {
        await redis.hang();
        await degraded(pods);
        expect(await redis.processState()).toBe('T');
        redis.resume();
      },
      { annotate },
    );
    expectLossless(journals);
  });

  it('network drops all packets of one pod', async ({ annotate }) => {
    const redis = await startRedis([`bind 127.0.0.1 ${OTHER_ADDRESS}`]);
    const env = await longHistory();
    const [[here], [there]] = await Promise.all([
      startPods(`redis://${OTHER_ADDRESS}:${redis.port}`, ['here'] as const, env),
      startPods(redis.url, ['there'] as const, env),
    ]);
    const journals = await survive(
      [here, there],
      async () => {
        const cut = await NetworkCut.begin(OTHER_ADDRESS, redis.port);
        const begun = performance.now();
        await degraded([here]);
        await annotate(`noticed after ${Math.round(performance.now() - begun)} ms`);
        expect((await there.health('ready')).broker).toEqual({ status: 'up' });
        // Long enough for both sides to retransmit unconfirmed data.
        await sleep(2_000);
        const { to, from } = cut.dropped;
        expect(to).toBeGreaterThan(0);
        expect(from).toBeGreaterThan(0);
        await annotate(`${to} packets to Redis and ${from} from it were dropped`);
        await cut.end();
      },
      { annotate },
    );
    expectLossless(journals);
  });
});
