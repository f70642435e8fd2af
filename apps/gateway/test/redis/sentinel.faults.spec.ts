import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, SentinelSetUp, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startPods, type PodProcess } from '../support/pod-process.js';
import { degraded, expectNotified, longHistory, survive } from './support/survive.js';

const HANG_MS = 20_000;

interface Fixture {
  readonly redis: SentinelSetUp;
  readonly primary: RedisServer;
  readonly pods: readonly [PodProcess, PodProcess];
}

async function start(): Promise<Fixture> {
  const redis = await SentinelSetUp.start();
  onTestFinished(() => redis.close());
  const primary = await redis.primary();
  const pods = await startPods(redis.url(), ['here', 'there'] as const, await longHistory());
  return { redis, primary, pods };
}

/** Waits for another primary, and checks that it has another history. */
async function replaced({ redis, primary }: Fixture, replicationId: string): Promise<void> {
  await eventually(async () => expect(await redis.primary()).not.toBe(primary), 40_000);
  const promoted = await redis.primary();
  await eventually(async () => expect(await promoted.admin.role()).toContain('master'));
  expect(await promoted.infoText('replication', 'master_replid')).not.toBe(replicationId);
}

describe(
  'promises 1 to 4 and 6 hold for all clients of two pods when the primary of Sentinel',
  { timeout: 180_000 },
  () => {
    it('is killed', async ({ annotate }) => {
      const fixture = await start();
      const { primary, pods } = fixture;
      const replicationId = await primary.infoText('replication', 'master_replid');
      const journals = await survive(
        pods,
        async () => {
          await primary.kill();
          await replaced(fixture, replicationId);
        },
        { annotate },
      );
      expect(await fixture.redis.primary()).not.toBe(primary);
      expect(await fixture.redis.primary()).not.toBe(primary);
      expectNotified(journals);
    });

    it('is demoted by force while its connections stay open', async ({ annotate }) => {
      const fixture = await start();
      const { redis, primary, pods } = fixture;
      const promoted = redis.servers.find((server) => server !== primary);
      if (promoted === undefined) throw new Error('no replica');
      const replicationId = await primary.infoText('replication', 'master_replid');
      const journals = await survive(
        pods,
        async () => {
          const before = await primary.clientPorts('holdfast');
          // Two of each pod.
          expect(before).toHaveLength(2 * pods.length);
          await promoted.admin.replicaof('NO', 'ONE');
          const [, after] =
            (await primary.admin.multi().replicaof('127.0.0.1', promoted.port).call('client', 'list').exec()) ?? [];
          const demoted = performance.now();
          expect(String(after?.[1]).match(/name=holdfast/g)).toHaveLength(before.length);
          await degraded(pods);
          await annotate(`noticed after ${Math.round(performance.now() - demoted)} ms`);
          expect(await primary.admin.role()).toContain('slave');
          await redis.monitor(promoted);
          await replaced(fixture, replicationId);
        },
        { annotate },
      );
      expectNotified(journals);
    });

    it('hangs for 20 s, and is a replica when it continues', async ({ annotate }) => {
      const fixture = await start();
      const { primary, pods } = fixture;
      const replicationId = await primary.infoText('replication', 'master_replid');
      const journals = await survive(
        pods,
        async () => {
          await primary.hang();
          const stopped = performance.now();
          await replaced(fixture, replicationId);
          expect(await primary.processState()).toBe('T');
          await sleep(HANG_MS - (performance.now() - stopped));
          primary.resume();
          await eventually(async () => expect(await primary.admin.role()).toContain('slave'), 20_000);
        },
        { annotate },
      );
      expectNotified(journals);
    });
  },
);
