import { describe, expect, it } from 'vitest';
import { eventually } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TestClient } from '../support/test-client.js';
import { Load } from './support/api-publisher.js';
import { openJournals } from './support/journal.js';
import { startRedis } from './support/redis.js';
import { configFile, startPods } from '../support/pod-process.js';

const CLIENTS = 1_000;
const CHANNELS = Array.from({ length: 10 }, (_, index) => `chat:journal-${index}`);
/** Clients of the killed pod that do not return, per channel. */
const NOT_RETURNING = 2;
/** ms after the crash during which the lease of the pod is certainly valid: 15 s since its last heartbeat, minus the duration of a join. */
const WITHIN_LEASE_MS = 8_000;
/** Messages of each publisher before the crash, and after all clients have returned. */
const MESSAGES = 40;

function channelOf(index: number): string {
  return CHANNELS[index % CHANNELS.length] ?? '';
}

/** The joins and leaves that a client received after a number of frames. */
function presenceSince({ frames }: TestClient, start: number): string[] {
  return frames.slice(start).flatMap(({ event, data }) => {
    if (event !== 'join' && event !== 'leave') return [];
    return [`${event} ${(data['member'] as { client: string }).client}`];
  });
}

function nameOf(event: string): string {
  return event.split(' ')[1] ?? '';
}

/** Without clients that left and joined again, once each. */
function withoutReturns(events: readonly string[]): string[] {
  const joined = events.filter((event) => event.startsWith('join ')).map(nameOf);
  expect(new Set(joined).size).toBe(joined.length);
  const isReturn = (event: string): boolean => joined.includes(nameOf(event));
  const returns = events.filter(isReturn);
  expect(returns).toHaveLength(joined.length * 2);
  for (const name of joined) expect(returns.indexOf(`leave ${name}`)).toBeLessThan(returns.indexOf(`join ${name}`));
  for (const name of joined) expect(returns).toContain(`leave ${name}`);
  return events.filter((event) => !isReturn(event));
}

describe('kill -9 of a gateway process', { timeout: 180_000 }, () => {
  it('promises 1 to 4: 1,000 clients return on another pod and receive everything once and in order, and presence does not flicker', async ({
    annotate,
  }) => {
    const redis = await startRedis();
    const HOLDFAST_CONFIG = await configFile({
      namespaceDefaults: { history: { size: 10_000 } },
      replay: { maxMessages: 10_000 },
    });
    const [doomed, survivor] = await startPods(redis.url, ['doomed', 'survivor'], { HOLDFAST_CONFIG });
    const proxy = await startTcpProxy(doomed.process.port);
    const journals = await openJournals(`ws://127.0.0.1:${proxy.port}/ws`, CHANNELS, CLIENTS);
    const lost = new Map<string, TestClient[]>();
    for (const channel of CHANNELS) {
      const clients = await Promise.all(Array.from({ length: NOT_RETURNING }, () => doomed.connect()));
      for (const client of clients) await client.subscribe(channel);
      lost.set(channel, clients);
    }
    const watchers = await Promise.all(CHANNELS.map(() => survivor.connect()));
    for (const [index, watcher] of watchers.entries()) {
      const { count } = await watcher.subscribe(channelOf(index), { presence: true });
      expect(count).toBe(CLIENTS / CHANNELS.length + NOT_RETURNING + 1);
    }
    const seen = watchers.map(({ frames }) => frames.length);

    const load = new Load([survivor, survivor, survivor], CHANNELS);
    await load.continues(MESSAGES);
    proxy.target = survivor.process.port;
    // A busy machine may have closed some before.
    const connectedBefore = journals.map(({ timesConnected }) => timesConnected);
    const killed = performance.now();
    await doomed.process.stop('SIGKILL');
    const changes = (): string[][] => watchers.map((watcher, index) => presenceSince(watcher, seen[index] ?? 0));
    const gone = eventually(
      () => expect(changes().flat().length).toBeGreaterThanOrEqual(NOT_RETURNING * CHANNELS.length),
      60_000,
    ).then(() => performance.now() - killed);
    await eventually(() => {
      const back = journals.filter(({ timesConnected }, index) => timesConnected > (connectedBefore[index] ?? 0));
      expect(back.length).toBe(CLIENTS);
    }, 60_000);
    const back = performance.now() - killed;
    await load.continues(MESSAGES);
    const acknowledged = await load.stop();

    for (const channel of CHANNELS) {
      const expected = acknowledged(channel);
      const here = journals.filter((journal) => journal.channel === channel);
      await eventually(() => {
        for (const { received } of here) expect(received.length).toBe(expected.length);
      }, 30_000);
      for (const journal of here) {
        expect(journal.gaps).toBe(0);
        journal.expectComplete(expected);
      }
    }

    expect(await gone).toBeLessThan(30_000);
    for (const [index, watcher] of watchers.entries()) {
      const channel = channelOf(index);
      const { count } = await watcher.request('presence', { channel });
      expect(count).toBe(CLIENTS / CHANNELS.length + 1);
    }
    const leaves = CHANNELS.map((channel) =>
      (lost.get(channel) ?? []).map(({ welcome }) => `leave ${welcome.client}`).toSorted(),
    );
    // If a busy machine delays their return further, they may have been swept, and have joined again.
    const returned = changes().map((events) => (back < WITHIN_LEASE_MS ? events : withoutReturns(events)));
    expect(returned.map((events) => events.toSorted())).toEqual(leaves);
    await annotate(
      `${load.count} messages; all back ${Math.round(back)} ms, the others gone ${Math.round(await gone)} ms after the crash`,
    );
  });
});
