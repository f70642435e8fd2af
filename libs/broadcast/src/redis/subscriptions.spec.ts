import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BrokerEvents, Position, StreamOptions } from '../broker.js';
import type { Connection } from './connection.js';
import { RecentBudget } from './recent-publications.js';
import type { StreamReader } from './stream-reader.js';
import type { Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';
import type { Topology } from './topology.js';
import type { Touches } from './touches.js';

const OPTIONS: StreamOptions = { historySize: 10, historyTtl: 1_000, positionTtl: 1_000 };
const START: Position = { epoch: 'e', offset: 0 };

const connection = {} as Partial<Connection> as Connection;

describe('subscriptions', () => {
  const calls: string[] = [];
  const delivered: number[] = [];
  const touches = {
    ask: async (subscription: Subscription) => {
      if (subscription.connection === undefined) calls.push('subscribe');
      subscription.connection = connection;
      return START;
    },
    release: async (subscription: Subscription) => {
      subscription.connection = undefined;
      calls.push('unsubscribe');
    },
  } as Partial<Touches> as Touches;
  let sut: Subscriptions;

  beforeEach(() => {
    vi.useFakeTimers();
    calls.length = 0;
    delivered.length = 0;
    const events = {
      onPublication: (_, { offset }) => delivered.push(offset),
    } as Partial<BrokerEvents> as BrokerEvents;
    sut = new Subscriptions({} as Topology, touches, {
      events,
      reader: {} as StreamReader,
      budget: new RecentBudget(),
      now: () => 0,
    });
  });
  afterEach(() => {
    sut.close();
    vi.useRealTimers();
  });

  it('outlive their last subscriber for a while, so that coming back costs nothing', async () => {
    await sut.subscribe('a', OPTIONS);
    await sut.unsubscribe('a');
    await vi.advanceTimersByTimeAsync(2_000);
    await sut.subscribe('a', OPTIONS);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls).toEqual(['subscribe']);
    await sut.unsubscribe('a');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(calls).toEqual(['subscribe', 'unsubscribe']);
    expect(sut.stream('a')).toBeUndefined();
  });

  it('begin again also where that meets the end of the former one', async () => {
    await sut.subscribe('a', OPTIONS);
    await sut.unsubscribe('a');
    vi.advanceTimersByTime(3_000);
    // The end has its turn after this call.
    const again = sut.subscribe('a', OPTIONS);
    expect(await again).toEqual(START);
    expect(calls).toEqual(['subscribe', 'unsubscribe', 'subscribe']);
    sut.receive(connection, 'a', 'pe 1 0 x');
    expect(delivered).toEqual([1]);
  });

  it('tell nothing while nobody is subscribed, and go on without a hole', async () => {
    await sut.subscribe('a', OPTIONS);
    sut.receive(connection, 'a', 'pe 1 0 x');
    await sut.unsubscribe('a');
    sut.receive(connection, 'a', 'pe 2 0 x');
    expect(await sut.subscribe('a', OPTIONS)).toEqual({ epoch: 'e', offset: 2 });
    sut.receive(connection, 'a', 'pe 3 0 x');
    expect(delivered).toEqual([1, 3]);
  });

  it('hear only the connection that serves them now', async () => {
    await sut.subscribe('a', OPTIONS);
    sut.receive({} as Connection, 'a', 'pe 1 0 x');
    expect(delivered).toEqual([]);
  });
});
