import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UNPUBLISHED_TTL, type StreamOptions } from '../broker.js';
import { BrokerUnavailableError } from '../errors.js';
import { heapUsed } from '../testing/heap-used.js';
import { Pod } from '../testing/pod.js';
import { MemoryBroker } from './memory-broker.js';
import { MemoryStore } from './memory-store.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const OPTIONS: StreamOptions = { historySize: 10, historyTtl: MINUTE, positionTtl: HOUR };

describe('MemoryBroker', () => {
  let store: MemoryStore;
  let sut: MemoryBroker;
  let pod: Pod;

  beforeEach(async () => {
    vi.useFakeTimers();
    store = new MemoryStore({ clock: () => Date.now() });
    sut = new MemoryBroker(store);
    pod = new Pod(sut);
    await pod.start();
  });
  afterEach(async () => {
    await sut.close();
    vi.useRealTimers();
  });

  it('is unavailable until it is started', async () => {
    const idle = new MemoryBroker();
    expect(idle.health()).toEqual({ status: 'down', reason: expect.any(String) });
    await expect(idle.signal('x')).rejects.toThrow('not running');
    await idle.close();
  });

  it('leaves no timer behind', async () => {
    expect(vi.getTimerCount()).toBe(1);
    await sut.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('delivers before publish returns', async () => {
    await sut.subscribe('a', OPTIONS);
    const published = sut.publish({ channel: 'a', payload: 'x', stream: OPTIONS });
    expect(pod.delivered('a')).toEqual([{ offset: 1, time: Date.now(), payload: 'x' }]);
    await published;
  });

  it('never sets its clock back', async () => {
    const time = sut.now();
    await sut.publish({ channel: 'a', payload: 'x', stream: OPTIONS });
    vi.setSystemTime(time - HOUR);
    await sut.publish({ channel: 'a', payload: 'y', stream: OPTIONS });
    const { publications } = await sut.history('a', { limit: 10 });
    expect(publications.map((publication) => publication.time)).toEqual([time, time]);
  });

  it('shows nothing that has expired, even if it was not swept', async () => {
    const idempotency = { publisher: 'p', key: 'k', fingerprint: 'f', window: MINUTE };
    const first = await sut.publish({ channel: 'a', payload: 'x', stream: OPTIONS, idempotency });
    vi.setSystemTime(Date.now() + MINUTE - 1);
    expect((await sut.history('a', { limit: 1 })).publications).toHaveLength(1);
    vi.setSystemTime(Date.now() + 1);
    expect((await sut.history('a', { limit: 1 })).publications).toHaveLength(0);
    const again = await sut.publish({ channel: 'a', payload: 'x', stream: OPTIONS, idempotency });
    expect(again).toEqual({ epoch: first.epoch, offset: 2, duplicate: false });
    vi.setSystemTime(Date.now() + HOUR - 1);
    expect((await sut.history('a', { limit: 1 })).epoch).toBe(first.epoch);
    vi.setSystemTime(Date.now() + 1);
    expect((await sut.history('a', { limit: 1 })).epoch).not.toBe(first.epoch);
  });

  it('keeps a position as long as a publication, even if its ttl is shorter', async () => {
    const stream = { historySize: 10, historyTtl: MINUTE, positionTtl: SECOND };
    const { epoch } = await sut.publish({ channel: 'a', payload: 'x', stream });
    vi.advanceTimersByTime(MINUTE - 1);
    expect(await sut.history('a', { limit: 10 })).toMatchObject({ epoch, offset: 1 });
  });

  it('uses no memory for reading', async () => {
    await sut.history('a', { limit: 10, since: { epoch: 'e', offset: 1 } });
    await sut.unsubscribe('a');
    expect(store.streams.size).toBe(0);
  });

  it('soon forgets a channel without publications, whatever its ttl', async () => {
    await sut.subscribe('a', OPTIONS);
    vi.advanceTimersByTime(2 * HOUR);
    await sut.unsubscribe('a');
    vi.advanceTimersByTime(UNPUBLISHED_TTL - SECOND);
    expect(store.streams.size).toBe(1);
    vi.advanceTimersByTime(3 * SECOND);
    expect(store.streams.size).toBe(0);
  });

  it('drops what has expired as fast as clients publish, even if its timer never fires', async () => {
    for (let number = 0; number < 20_000; number += 1) {
      vi.setSystemTime(Date.now() + 10);
      await sut.publish({
        channel: `channel ${number}`,
        payload: 'x',
        stream: { historySize: 1, historyTtl: SECOND, positionTtl: 2 * SECOND },
        idempotency: { publisher: 'p', key: `${number}`, fingerprint: 'f', window: SECOND },
      });
    }
    // 10 ms apart: 100 in one second, 200 in two, and those that wait for the end of their slice.
    expect(store.keys.size).toBeLessThan(300);
    expect(store.streams.publications).toBeLessThan(300);
    expect(store.streams.size).toBeLessThan(500);
  });

  it('refuses publishes when it is full, and continues when something has expired', async () => {
    const full = new MemoryBroker(new MemoryStore({ maxSize: 100_000 }));
    await full.start(pod);
    const publish = (): Promise<unknown> =>
      full.publish({ channel: 'a', payload: 'x'.repeat(20_000), stream: OPTIONS });
    for (let number = 0; number < 5; number += 1) await publish();
    expect(full.health()).toEqual({ status: 'up' });
    await expect(publish()).rejects.toThrow(BrokerUnavailableError);
    expect(full.health()).toEqual({ status: 'down', reason: 'the memory broker is full' });
    vi.advanceTimersByTime(MINUTE + 10 * SECOND);
    await publish();
    expect(full.health()).toEqual({ status: 'up' });
    await full.close();
  });

  it('drops the history of an idle channel in time, although its position is kept longer', async () => {
    await sut.publish({ channel: 'a', payload: 'x', stream: OPTIONS });
    vi.advanceTimersByTime(2 * MINUTE);
    expect([store.streams.size, store.streams.publications]).toEqual([1, 0]);
    await sut.publish({ channel: 'a', payload: 'x', stream: OPTIONS });
    vi.advanceTimersByTime(2 * MINUTE);
    expect([store.streams.size, store.streams.publications]).toEqual([1, 0]);
  });

  it('releases the memory of 100,000 channels when their histories and positions have expired', async () => {
    const CHANNELS = 100_000;
    const MIB = 2 ** 20;
    const subscribed = await sut.subscribe('subscribed', OPTIONS);
    const before = heapUsed();

    for (let number = 0; number < CHANNELS; number += 1) {
      await sut.publish({
        channel: `channel ${number}`,
        payload: `payload ${number} `.padEnd(256, '.'),
        stream: OPTIONS,
        idempotency: { publisher: 'p', key: `${number}`, fingerprint: `${number}`, window: 5 * MINUTE },
      });
      await sut.join(`channel ${number}`, { client: 'c', details: 'd' }, 'h');
      await sut.leave(`channel ${number}`, 'c', 'h');
      await sut.register({ client: 'c', holder: 'h', user: `user ${number}`, node: 'n', since: sut.now() });
      await sut.unregister(`user ${number}`, 'c', 'h');
    }
    expect(sizes()).toEqual({ streams: CHANNELS + 1, publications: CHANNELS, keys: CHANNELS });
    expect(heapUsed() - before).toBeGreaterThan(50 * MIB);

    vi.advanceTimersByTime(MINUTE + 10 * SECOND);
    expect(sizes()).toEqual({ streams: CHANNELS + 1, publications: 0, keys: CHANNELS });
    vi.advanceTimersByTime(5 * MINUTE);
    expect(sizes()).toEqual({ streams: CHANNELS + 1, publications: 0, keys: 0 });
    vi.advanceTimersByTime(HOUR);
    expect(sizes()).toEqual({ streams: 1, publications: 0, keys: 0 });
    expect(heapUsed() - before).toBeLessThan(2 * MIB);
    expect(await sut.subscribe('subscribed', OPTIONS)).toEqual(subscribed);
  }, 60_000);

  function sizes(): { streams: number; publications: number; keys: number } {
    return { streams: store.streams.size, publications: store.streams.publications, keys: store.keys.size };
  }
});
