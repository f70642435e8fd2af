import { expect } from 'vitest';
import { eventually } from '../../../../../libs/broadcast/test/support/redis-servers.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { Load } from './api-publisher.js';
import { openJournals, type Journal } from './journal.js';
import { configFile, type RedisPod } from './pods.js';

export const CHANNELS = ['chat:one', 'chat:two', 'chat:three'] as const;

/** On each pod, this many stay and as many come back on the other one. */
const CLIENTS = 12;
/** Messages of each publisher before and after the fault. */
const SOME = 30;

export interface SurviveOptions {
  readonly annotate: (message: string) => Promise<unknown>;
  /** Characters that each message has at least. */
  readonly size?: number;
}

/** Environment of pods that keep all that a test publishes. */
export async function longHistory(): Promise<NodeJS.ProcessEnv> {
  return {
    HOLDFAST_CONFIG: await configFile({
      namespaceDefaults: { history: { size: 10_000 } },
      replay: { maxMessages: 10_000, maxBytes: 100_000_000 },
    }),
  };
}

/** Resolves when the pods say so. */
export async function degraded(pods: readonly RedisPod[]): Promise<void> {
  for (const pod of pods) {
    await eventually(async () => {
      const { status, broker } = await pod.health('ready');
      expect(broker).toMatchObject({ status: 'degraded' });
      expect(status).toBe(200);
    });
  }
}

/**
 * Publishes numbered messages through two pods while the fault is done, has half of their clients come back on the other
 * pod behind it, and checks for each client promises 1 to 4 and 6: order, nothing lost in silence, nothing twice, also
 * where it resumed elsewhere; sockets that stay, publishes that are refused in time and can be retried, and everything back
 * by itself.
 *
 * @returns what each client received.
 */
export async function survive(
  [here, there]: readonly [RedisPod, RedisPod],
  fault: () => Promise<unknown>,
  { annotate, size = 0 }: SurviveOptions,
): Promise<readonly Journal[]> {
  const pods = [here, there];
  const proxies = await Promise.all(pods.map((pod) => startTcpProxy(pod.process.port)));
  const open = async (port: number): Promise<Journal[]> => openJournals(`ws://127.0.0.1:${port}/ws`, CHANNELS, CLIENTS);
  const staying = (await Promise.all(pods.map(({ process }) => open(process.port)))).flat();
  const moving = (await Promise.all(proxies.map(({ port }) => open(port)))).flat();
  const journals = [...staying, ...moving];

  const load = new Load([...pods, ...pods], CHANNELS, size);
  await load.goesOn(SOME);
  await fault();
  for (const [index, proxy] of proxies.entries()) {
    proxy.target = (index === 0 ? there : here).process.port;
    proxy.cut();
  }
  await load.goesOn(SOME);
  const acknowledged = await load.stop();

  for (const journal of journals) {
    const expected = acknowledged(journal.channel);
    const last = expected.at(-1);
    const end = Math.max(...expected.filter(({ epoch }) => epoch === last?.epoch).map(({ offset }) => offset));
    await eventually(() => expect(journal.position).toMatchObject({ epoch: last?.epoch, offset: end }), 30_000);
    journal.expectHonest(expected);
  }
  expect(new Set(staying.map(({ timesConnected }) => timesConnected))).toEqual(new Set([1]));
  expect(new Set(moving.map(({ timesConnected }) => timesConnected))).toEqual(new Set([2]));
  for (const pod of pods) {
    await eventually(async () => expect((await pod.health('ready')).broker).toEqual({ status: 'up' }));
  }
  const pause = Math.max(...staying.map(({ longestPause }) => longestPause));
  await annotate(`clients that stayed heard nothing for ${Math.round(pause)} ms`);
  return journals;
}

/** Asserts that no client got a gap. */
export function expectLossless(journals: readonly Journal[]): void {
  for (const { gaps } of journals) expect(gaps).toBe(0);
}

/** Asserts that every client learned of the new epoch. */
export function expectTold(journals: readonly Journal[]): void {
  for (const { gaps } of journals) expect(gaps).toBeGreaterThanOrEqual(1);
}
