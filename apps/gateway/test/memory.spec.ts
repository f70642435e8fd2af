import { MemoryBroker, MemoryStore } from '@holdfast/broadcast';
import { expect, it, vi } from 'vitest';
import { heapInUse } from './support/heap.js';
import { NO_LIMITS } from './support/no-limits.js';
import { subscriptionsOf } from '../src/channels/subscriptions.js';
import { Pod, settled } from './support/pod.js';
import { timers } from './support/timers.js';
import { signToken } from './support/tokens.js';

const COUNT = 20_000;
const FILE = {
  limits: NO_LIMITS,
  namespaceDefaults: { history: { size: 10, ttl: 1 }, positionTtl: 1 },
  presence: { grace: 0.1 },
  keyWindow: 1,
};

it(
  `promise 8: ${COUNT} channels that clients publish to, subscribe to and leave are freed`,
  { timeout: 120_000 },
  async () => {
    const store = new MemoryStore();
    const pod = await Pod.start({ broker: new MemoryBroker(store), file: FILE });

    const play = async (from: number, to: number): Promise<void> => {
      const client = pod.connect();
      for (let n = from; n < to; n += 1) {
        const channel = `room:${n}`;
        const reply = client.subscribe(channel, { presence: true, last: 5 });
        await client.request('publish', { channel, data: 'x'.repeat(100), key: 'k' });
        await reply;
        // Half of them are left one by one, half with their connection.
        if (n % 2 === 0) await client.request('unsubscribe', { channel });
        client.frames.length = 0;
        client.texts.length = 0;
      }
      expect(await pod.metric('holdfast_subscriptions')).toBe((to - from) / 2);
      client.disconnect();
      await settled();
      expect(await pod.metric('holdfast_subscriptions')).toBe(0);
      expect(await pod.metric('holdfast_channels')).toBe(0);
      // Until the grace time and every TTL have passed.
      await vi.waitFor(
        async () => {
          expect([store.streams.size, store.streams.publications, store.keys.size]).toEqual([0, 0, 0]);
          expect((await pod.broker.members(`room:${to - 1}`, { limit: 1 })).count).toBe(0);
        },
        { timeout: 30_000, interval: 50 },
      );
    };

    // The first run also creates what is only created once.
    await play(0, 1_000);
    const [heap, pending] = [await heapInUse(), timers()];
    await play(1_000, 1_000 + COUNT);
    expect(timers()).toBeLessThanOrEqual(pending);
    // The last ones are freed at the next check for expired entries, within a second.
    await vi.waitFor(async () => expect((await heapInUse()) - heap).toBeLessThan(2_000_000), {
      interval: 200,
    });
  },
);

it('a publish to a channel without subscribers on this pod does not create the channel on it', async () => {
  const pod = await Pod.start();
  for (let n = 0; n < 1_000; n += 1) await pod.channels.publish({ channel: `room:${n}`, data: n, publisher: 'test' });
  expect(await pod.metric('holdfast_channels')).toBe(0);
});

it('1,000 subscriptions whose tokens expire leave nothing behind', async () => {
  const pod = await Pod.start({ file: { namespaceDefaults: { subscribe: 'granted' } } });
  const clients = Array.from({ length: 100 }, () => pod.connect());
  const exp = Date.now() / 1_000 + 60;
  for (let n = 0; n < 10; n += 1) {
    const channel = `room:${n}`;
    const token = await signToken({ channel, exp });
    await Promise.all(clients.map((client) => client.subscribe(channel, { token })));
  }
  expect(await pod.metric('holdfast_subscriptions')).toBe(1_000);
  const now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 60_001);
  try {
    await vi.waitFor(async () => expect(await pod.metric('holdfast_subscriptions')).toBe(0));
  } finally {
    clock.mockRestore();
  }
  for (const client of clients) expect(subscriptionsOf(client.connection)?.size).toBe(0);
  await settled();
  expect(clients[0]?.of('unsubscribed').map(({ data }) => data['code'])).toEqual(Array(10).fill('token_expired'));
});
