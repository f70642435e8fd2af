import { expect } from 'vitest';
import { eventually } from '../../../../../libs/broadcast/test/support/redis-servers.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { Load } from './api-publisher.js';
import { openJournals, type Journal } from './journal.js';
import { configFile, type PodProcess } from '../../support/pod-process.js';

export const CHANNELS = ['chat:one', 'chat:two', 'chat:three'] as const;

/** On each pod, this number of clients stays, and as many move to the other pod. */
const CLIENTS = 12;
/** Messages of each publisher before and after the fault. */
const MESSAGES = 30;

export interface SurviveOptions {
  readonly annotate: (message: string) => Promise<unknown>;
  /** The minimum number of characters of each message. */
  readonly size?: number;
}

/** The environment of pods that keep everything that a test publishes. */
export async function longHistory(): Promise<NodeJS.ProcessEnv> {
  return {
    HOLDFAST_CONFIG: await configFile({
      namespaceDefaults: { history: { size: 10_000 } },
      replay: { maxMessages: 10_000, maxBytes: 100_000_000 },
    }),
  };
}

/** Resolves when the pods report that they are degraded. */
export async function degraded(pods: readonly PodProcess[]): Promise<void> {
  for (const pod of pods) {
    await eventually(async () => {
      const { status, broker } = await pod.health('ready');
      expect(broker).toMatchObject({ status: 'degraded' });
      expect(status).toBe(200);
    });
  }
}

/**
 * Publishes numbered messages through two pods during a fault, lets half of their clients resume on the other pod
 * afterwards, and checks promises 1 to 4 and 6 for each client: order, no silent loss, no duplicates, also after a resume
 * on another pod; open sockets, publishes that fail in time and can be retried, and a recovery
 * without help.
 *
 * @returns what each client received.
 */
export async function survive(
  [here, there]: readonly [PodProcess, PodProcess],
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
  await load.continues(MESSAGES);
  await fault();
  for (const [index, proxy] of proxies.entries()) {
    proxy.target = (index === 0 ? there : here).process.port;
    proxy.cut();
  }
  await load.continues(MESSAGES);
  const acknowledged = await load.stop();

  for (const journal of journals) {
    const expected = acknowledged(journal.channel);
    const last = expected.at(-1);
    const end = Math.max(...expected.filter(({ epoch }) => epoch === last?.epoch).map(({ offset }) => offset));
    await eventually(() => expect(journal.position).toMatchObject({ epoch: last?.epoch, offset: end }), 30_000);
    journal.expectComplete(expected);
  }
  expect(new Set(staying.map(({ timesConnected }) => timesConnected))).toEqual(new Set([1]));
  expect(new Set(moving.map(({ timesConnected }) => timesConnected))).toEqual(new Set([2]));
  for (const pod of pods) {
    await eventually(async () => expect((await pod.health('ready')).broker).toEqual({ status: 'up' }));
  }
  const pause = Math.max(...staying.map(({ longestPause }) => longestPause));
  await annotate(`longest time without a message for a client that stayed: ${Math.round(pause)} ms`);
  return journals;
}

/** Asserts that no client received a gap. */
export function expectLossless(journals: readonly Journal[]): void {
  for (const { gaps } of journals) expect(gaps).toBe(0);
}

/** Asserts that every client was notified of the new epoch. */
export function expectNotified(journals: readonly Journal[]): void {
  for (const { gaps } of journals) expect(gaps).toBeGreaterThanOrEqual(1);
}
