import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BrokerEvents, Position, StreamOptions } from '../broker.js';
import { RecentBudget } from './recent-publications.js';
import { HistoryReader } from './history-reader.js';
import type { Subscription } from './subscription.js';
import { Subscriptions, type ChannelMessage } from './subscriptions.js';
import type { Attachments } from './attachments.js';

const OPTIONS: StreamOptions = { historySize: 10, historyTtl: 1_000, positionTtl: 1_000 };
const START: Position = { epoch: 'e', offset: 0 };

const SOURCE = { name: 'serves the channels' };
type Source = typeof SOURCE;

function publication(offset: number): ChannelMessage {
  return { kind: 'publication', epoch: 'e', publication: { offset, time: 0, payload: 'x' } };
}

describe('subscriptions', () => {
  const calls: string[] = [];
  const delivered: number[] = [];
  const asked: string[] = [];
  const position = async (subscription: Subscription<Source>): Promise<Position> => {
    asked.push(subscription.channel);
    if (subscription.source === undefined) calls.push('attach');
    subscription.source = SOURCE;
    return START;
  };
  const attachments: Attachments<Source> = {
    sourceOf: () => SOURCE,
    isMoving: () => false,
    refresh: () => {},
    attach: position,
    position,
    detach: async (subscription) => {
      subscription.source = undefined;
      calls.push('detach');
    },
    keptFor: () => 4 * 3_600_000,
  };
  let sut: Subscriptions<Source>;

  beforeEach(() => {
    vi.useFakeTimers();
    calls.length = 0;
    delivered.length = 0;
    const events = {
      onPublication: (_, { offset }) => delivered.push(offset),
    } as Partial<BrokerEvents> as BrokerEvents;
    sut = new Subscriptions(attachments, {
      events,
      reader: new HistoryReader({ read: async () => Promise.reject(new Error('not expected')) }),
      budget: new RecentBudget(),
      now: () => 0,
    });
    sut.start();
  });
  afterEach(() => {
    sut.close();
    vi.useRealTimers();
  });

  it('outlive their last subscriber for a while, so that returning costs nothing', async () => {
    await sut.subscribe('a', OPTIONS);
    await sut.unsubscribe('a');
    await vi.advanceTimersByTimeAsync(2_000);
    await sut.subscribe('a', OPTIONS);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls).toEqual(['attach']);
    await sut.unsubscribe('a');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls).toEqual(['attach', 'detach']);
    expect(sut.feed('a')).toBeUndefined();
  });

  it('begin again even if that coincides with the end of the previous one', async () => {
    await sut.subscribe('a', OPTIONS);
    await sut.unsubscribe('a');
    vi.advanceTimersByTime(3_000);
    // The end is queued behind this call.
    const again = sut.subscribe('a', OPTIONS);
    expect(await again).toEqual(START);
    expect(calls).toEqual(['attach', 'detach', 'attach']);
    sut.receive(SOURCE, 'a', publication(1));
    expect(delivered).toEqual([1]);
  });

  it('report nothing while nobody is subscribed, and continue without a gap', async () => {
    await sut.subscribe('a', OPTIONS);
    sut.receive(SOURCE, 'a', publication(1));
    await sut.unsubscribe('a');
    sut.receive(SOURCE, 'a', publication(2));
    expect(await sut.subscribe('a', OPTIONS)).toEqual({ epoch: 'e', offset: 2 });
    sut.receive(SOURCE, 'a', publication(3));
    expect(delivered).toEqual([1, 3]);
  });

  it('ask the server for nothing while they are idle, however many they are', async () => {
    for (let index = 0; index < 500; index += 1) await sut.subscribe(`idle ${index}`, OPTIONS);
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(30 * 60_000);
    expect(asked).toEqual([]);
  });

  it('renew their positions long before they would expire', async () => {
    await sut.subscribe('a', OPTIONS);
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(2 * 3_600_000);
    expect(asked.length).toBeGreaterThanOrEqual(1);
    expect(asked.length).toBeLessThan(5);
  });

  it('compare their position with the server once, 30 s after their last message', async () => {
    for (const channel of ['quiet', 'busy', 'idle']) await sut.subscribe(channel, OPTIONS);
    asked.length = 0;
    sut.receive(SOURCE, 'quiet', publication(1));
    for (let offset = 1; offset <= 10; offset += 1) {
      sut.receive(SOURCE, 'busy', publication(offset));
      await vi.advanceTimersByTimeAsync(10_000);
      expect(asked).toEqual(offset < 3 ? [] : ['quiet']);
    }
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(['quiet', 'busy']);
  });

  it('compare their position soon if a publication of this pod does not arrive', async () => {
    for (const channel of ['lost', 'delivered']) await sut.subscribe(channel, OPTIONS);
    asked.length = 0;
    for (const channel of ['lost', 'delivered']) sut.published(channel, { epoch: 'e', offset: 1 });
    sut.receive(SOURCE, 'delivered', publication(1));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(asked).toEqual(['lost']);
  });

  it('accept messages only from the source that serves them now', async () => {
    await sut.subscribe('a', OPTIONS);
    sut.receive({ name: 'another one' }, 'a', publication(1));
    expect(delivered).toEqual([]);
  });
});
