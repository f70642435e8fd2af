import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, SentinelSetUp, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { Load } from './support/api-publisher.js';
import { openJournals } from './support/journal.js';
import { configFile, startPods, startRedis, type RedisPod } from './support/pods.js';

const CHANNELS = ['chat:one', 'chat:two', 'chat:three'];
/** On each pod. */
const CLIENTS = 15;
/** Messages of each publisher before and after the fault. */
const SOME = 30;
const NODES = ['here', 'there'] as const;

type Pods = readonly RedisPod[];

async function degraded(pods: Pods): Promise<void> {
  for (const pod of pods) {
    await eventually(async () => expect((await pod.health('ready')).broker).toMatchObject({ status: 'degraded' }));
  }
}

/**
 * Publishes through both pods while the fault is done, and checks that no socket was lost and that everybody was told the
 * truth.
 *
 * @returns the most gaps that a client was told.
 */
async function survive(pods: Pods, fault: () => Promise<unknown>): Promise<number> {
  const opened = await Promise.all(pods.map((pod) => openJournals(pod.webSocketUrl, CHANNELS, CLIENTS)));
  const journals = opened.flat();
  const load = new Load([...pods, ...pods], CHANNELS);
  await load.goesOn(SOME);
  await fault();
  await load.goesOn(SOME);
  const acknowledged = await load.stop();
  for (const journal of journals) {
    const expected = acknowledged(journal.channel);
    const last = expected.at(-1);
    const end = Math.max(...expected.filter(({ epoch }) => epoch === last?.epoch).map(({ offset }) => offset));
    await eventually(() => expect(journal.position).toMatchObject({ epoch: last?.epoch, offset: end }), 30_000);
    journal.expectHonest(expected);
    expect(journal.timesConnected).toBe(1);
  }
  return Math.max(...journals.map(({ gaps }) => gaps));
}

const longHistory = async (): Promise<NodeJS.ProcessEnv> => ({
  HOLDFAST_CONFIG: await configFile({ namespaceDefaults: { history: { size: 10_000 } } }),
});

describe(
  "promises 1, 2, 4 and 6: clients of two pods are told the truth, and keep their sockets, when Redis'",
  {
    timeout: 60_000,
  },
  () => {
    it.each<{ fault: string; gaps: number; inject: (redis: RedisServer, pods: Pods) => Promise<unknown> }>([
      {
        fault: 'subscriber connections are killed',
        gaps: 0,
        inject: async ({ admin }) => admin.call('client', 'kill', 'type', 'pubsub'),
      },
      {
        fault: 'process hangs until the pods notice',
        gaps: 0,
        inject: async (redis, pods) => {
          redis.signal('SIGSTOP');
          await degraded(pods);
          redis.signal('SIGCONT');
        },
      },
      { fault: 'data is flushed', gaps: 1, inject: async ({ admin }) => admin.flushall() },
      {
        fault: 'process is killed and comes back empty',
        gaps: 1,
        inject: async (redis, pods) => {
          await redis.kill();
          await degraded(pods);
          await redis.run();
        },
      },
    ])('$fault', async ({ gaps, inject }) => {
      const redis = await startRedis();
      const pods = await startPods(redis, NODES, await longHistory());
      expect(await survive(pods, () => inject(redis, pods))).toBe(gaps);
    });

    it('primary is killed and Sentinel makes another one', async () => {
      const setUp = await SentinelSetUp.start();
      onTestFinished(() => setUp.close());
      const primary = await setUp.primary();
      const pods = await startPods(primary, NODES, { ...(await longHistory()), HOLDFAST_BROKER: setUp.url() });
      expect(await survive(pods, () => primary.kill())).toBeGreaterThanOrEqual(1);
    });
  },
);
