import { MemoryBroker, MemoryStore, type Broker } from '@holdfast/broadcast';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BrokerInputs } from '../broker/broker-inputs.js';
import type { ChannelsService } from '../channels/channels.service.js';
import type { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import { BlockedUsers } from '../auth/index.js';
import { Metrics } from '../metrics/metrics.js';
import type { UserCommand } from './user-command.js';
import { UserCommands } from './user-commands.js';
import { SILENT } from '../../test/support/recorded-log.js';

const nothing = (): void => {};

async function startBroker(store: MemoryStore): Promise<Broker> {
  const broker = new MemoryBroker(store);
  await broker.start({
    onPublication: nothing,
    onGap: nothing,
    onJoin: nothing,
    onLeave: nothing,
    onPresenceGap: nothing,
    onLateMembership: nothing,
    onSignal: nothing,
    onInvalid: nothing,
    onNotice: nothing,
    onPlainRefused: nothing,
    onFault: nothing,
  });
  onTestFinished(() => broker.close());
  return broker;
}

interface TestPod {
  readonly sut: UserCommands;
  readonly broker: Broker;
  readonly blocked: BlockedUsers;
  /** The actions: `close USER`, `kick CHANNEL`. */
  readonly log: string[];
  /** Connects a user who subscribes to a channel. */
  connect(user: string, channel?: string): void;
}

/** A pod that receives no signals. @param maxHistoryTtl ms for which its broker claims to keep publications. */
async function startPod(store: MemoryStore, maxHistoryTtl = Infinity): Promise<TestPod> {
  const broker = await startBroker(store);
  vi.spyOn(broker, 'capabilities', 'get').mockReturnValue({ ...broker.capabilities, maxHistoryTtl });
  const blocked = new BlockedUsers();
  const list: Connection[] = [];
  const subscribed = new Map<Connection, { channel: string; since: number }>();
  const log: string[] = [];
  const connections: Pick<Connections, 'all' | 'ofUser'> = {
    all: () => [...list],
    ofUser: (user) => list.filter((connection) => connection.user === user),
  };
  const channels: Pick<ChannelsService, 'kickFrom'> = {
    kickFrom(connection, channel, begunBy = Infinity) {
      const subscription = subscribed.get(connection);
      if (subscription?.channel === channel && subscription.since <= begunBy) log.push(`kick ${channel}`);
    },
  };
  const sut = new UserCommands(
    broker,
    connections as Connections,
    blocked,
    channels as ChannelsService,
    new BrokerInputs(new Metrics(), SILENT),
    SILENT,
  );
  return {
    sut,
    broker,
    blocked,
    log,
    connect(user, channel = 'news') {
      const since = broker.now();
      const connection = { user, since, close: () => void log.push(`close ${user}`) } as unknown as Connection;
      subscribed.set(connection, { channel, since });
      list.push(connection);
    },
  };
}

/** Waits until the broker's clock has advanced. */
async function later(broker: Broker): Promise<void> {
  const now = broker.now();
  await vi.waitFor(() => expect(broker.now()).toBeGreaterThan(now), { interval: 1 });
}

function block(user: string, ms = 60_000): UserCommand & { type: 'disconnect'; until: number } {
  return { type: 'disconnect', user, until: Date.now() + ms };
}

const ANN = block('ann');
const BOB = block('bob', 90_000);
const BOTH = [ANN, BOB].map(({ user, until }) => ({ user, until }));

describe('blocked users', () => {
  it('are known to a pod that starts later, with the end of the block', async () => {
    const store = new MemoryStore();
    const { sut } = await startPod(store);
    await sut.store(ANN);
    await sut.store(BOB);
    const other = await startPod(store);
    await other.sut.load();
    expect(other.blocked.list()).toEqual(BOTH);
  });

  it('may connect again once the block was lifted, also on a pod that starts later', async () => {
    const store = new MemoryStore();
    const { sut, broker, blocked } = await startPod(store);
    for (const command of [ANN, BOB, { type: 'unblock', user: 'ann' } as const]) await sut.store(command);
    await sut.load();
    expect(blocked.list()).toEqual(BOTH.slice(1));
    await later(broker);
    const other = await startPod(store);
    other.connect('ann');
    await other.sut.load();
    expect(other.blocked.list()).toEqual(BOTH.slice(1));
    expect(other.log).toEqual([]);
  });

  it('are blocked by the same command again after the block was lifted', async () => {
    const store = new MemoryStore();
    const { sut } = await startPod(store);
    for (const command of [ANN, { type: 'unblock', user: 'ann' } as const, ANN]) await sut.store(command);
    const other = await startPod(store);
    await other.sut.load();
    expect(other.blocked.has('ann')).toBe(true);
  });

  it('keep their connections from before the block closed, even if it was lifted meanwhile', async () => {
    const store = new MemoryStore();
    const { sut, broker } = await startPod(store);
    const other = await startPod(store);
    other.connect('ann');
    await later(broker);
    for (const command of [ANN, { type: 'unblock', user: 'ann' } as const]) await sut.store(command);
    await other.sut.load();
    expect(other.log).toEqual(['close ann']);
  });

  it('are unblocked by a signal at once', async () => {
    const { sut, blocked } = await startPod(new MemoryStore());
    sut.hear({ ...ANN, stored: { epoch: 'e', offset: 1 } });
    expect(blocked.has('ann')).toBe(true);
    sut.hear({ type: 'unblock', user: 'ann', stored: { epoch: 'e', offset: 2 } });
    expect(blocked.has('ann')).toBe(false);
  });

  it('are stored again, once by all pods, before a broker drops them that keeps publications for a limited time', async () => {
    const ttl = 1_000;
    const store = new MemoryStore();
    const pods = [await startPod(store, ttl), await startPod(store, ttl)] as const;
    await pods[0].sut.store(ANN);
    const began = Date.now();
    const stored: number[] = [];
    await vi.waitFor(
      async () => {
        for (const { sut } of pods) await sut.load();
        const { publications } = await pods[0].broker.history('!refusals', { limit: 100 });
        stored.splice(0, stored.length, ...publications.map(({ time }) => time));
        expect(Date.now() - began).toBeGreaterThan(3 * ttl);
      },
      { interval: 20 },
    );
    const periods = stored.map((time) => Math.floor(time / (ttl / 2)));
    // Each period has one, so that at any time one is younger than the time that the broker keeps it for.
    expect(periods).toEqual(Array.from(periods, (_, index) => (periods[0] ?? 0) + index));
    expect(periods.length).toBeGreaterThan(5);
  });

  it('are restored by the pods, once each, to a broker that has lost them', async () => {
    const store = new MemoryStore();
    const [one, other] = [await startPod(store), await startPod(store)];
    for (const { sut } of [one, other]) sut.hear(ANN);
    other.sut.hear(BOB);
    for (const { sut } of [one, other, one]) await sut.load();
    expect(one.blocked.list()).toEqual(BOTH);
    const newcomer = await startPod(store);
    await newcomer.sut.load();
    expect(newcomer.blocked.list()).toEqual(BOTH);
    const stream = await newcomer.broker.history('!refusals', { limit: 10 });
    expect(stream.publications).toHaveLength(2);
  });

  it('are restored periodically, without a request', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const store = new MemoryStore();
    const { sut } = await startPod(store);
    sut.onModuleInit();
    onTestFinished(() => sut.onApplicationShutdown());
    await sut.load();
    const command = block('ann');
    // As if it had arrived by a signal, and the stream was lost afterwards.
    sut.hear(command);
    await vi.advanceTimersByTimeAsync(10_000);
    const other = await startPod(store);
    await other.sut.load();
    expect(other.blocked.list()).toEqual([{ user: 'ann', until: command.until }]);
  });
});

describe('a command that a pod receives late', () => {
  it('applies to connections that are already open: a block, a disconnect, an unsubscribe', async () => {
    const store = new MemoryStore();
    const [here, sut] = [await startPod(store), await startPod(store)];
    for (const user of ['ann', 'bob', 'cid', 'dan']) sut.connect(user);
    await sut.sut.load();
    await here.sut.store(block('ann'));
    await here.sut.store({ type: 'disconnect', user: 'bob' });
    await here.sut.store({ type: 'unsubscribe', user: 'cid', channel: 'news' });
    await here.sut.store({ type: 'unsubscribe', user: 'dan', channel: 'other' });
    await sut.sut.load();
    expect(sut.log).toEqual(['close ann', 'close bob', 'kick news']);
    expect(sut.blocked.has('ann')).toBe(true);
  });

  it('does not apply to users who have come back since', async () => {
    const store = new MemoryStore();
    const [here, sut] = [await startPod(store), await startPod(store)];
    await here.sut.store({ type: 'disconnect', user: 'bob' });
    await here.sut.store({ type: 'unsubscribe', user: 'cid', channel: 'news' });
    await later(here.broker);
    for (const user of ['bob', 'cid']) sut.connect(user);
    await sut.sut.load();
    expect(sut.log).toEqual([]);
  });

  it('is carried out once, whether the signal arrives before or after the stored command is read', async () => {
    const store = new MemoryStore();
    const [here, sut] = [await startPod(store), await startPod(store)];
    await sut.sut.load();
    for (const order of ['signal first', 'reading first']) {
      const command = { type: 'disconnect', user: 'bob' } as const;
      sut.connect('bob');
      const stored = await here.sut.store(command);
      const ways = [async () => sut.sut.hear({ ...command, stored }), async () => sut.sut.load()];
      for (const way of order === 'signal first' ? ways : ways.toReversed()) {
        await way();
        // A user who comes back between the two stays connected.
        await later(sut.broker);
        sut.connect(order);
      }
      expect(
        sut.log.filter((line) => line === 'close bob'),
        order,
      ).toHaveLength(order === 'signal first' ? 1 : 3);
      expect(sut.log).not.toContain(`close ${order}`);
    }
  });

  it('is found in time even if its signal was lost while the broker was available', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const store = new MemoryStore();
    const [here, sut] = [await startPod(store), await startPod(store)];
    sut.sut.onModuleInit();
    onTestFinished(() => sut.sut.onApplicationShutdown());
    await sut.sut.load();
    sut.connect('bob');
    await here.sut.store({ type: 'disconnect', user: 'bob' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sut.log).toEqual(['close bob']);
  });

  it('is found in a stream that also has invalid entries and entries of an older release', async () => {
    const store = new MemoryStore();
    const sut = await startPod(store);
    sut.connect('ann');
    const stream = { historySize: 10, historyTtl: 60_000, positionTtl: 60_000 };
    const texts = ['null', '{}', 'test', '{"user":"ann"}', JSON.stringify({ user: 'ann', until: ANN.until })];
    for (const payload of texts) await sut.broker.publish({ channel: '!refusals', payload, stream });
    for (const payload of texts) await sut.broker.publish({ channel: '!user-commands', payload, stream });
    await sut.sut.load();
    expect(sut.log).toEqual(['close ann']);
    expect(sut.blocked.list()).toEqual([{ user: 'ann', until: ANN.until }]);
  });

  it('is searched for without reading the whole stream again', async () => {
    const store = new MemoryStore();
    const sut = await startPod(store);
    for (let n = 0; n < 100; n += 1) await sut.sut.store({ type: 'disconnect', user: `user-${n}` });
    await sut.sut.store(ANN);
    await sut.sut.load();
    const history = vi.spyOn(sut.broker, 'history');
    await sut.sut.load();
    for (const [, { limit }] of history.mock.calls) expect(limit).toBe(0);
  });
});

describe('the end of a block', () => {
  it.each([
    ['ahead', 7_200_000],
    ['behind', -3_600_000],
  ])("is not changed if the pod's clock is %s for a moment", async (_where, ms) => {
    const store = new MemoryStore();
    const { sut, blocked } = await startPod(store);
    sut.hear(block('ann'));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
    onTestFinished(() => void vi.useRealTimers());
    blocked.removeExpired();
    expect(blocked.has('ann')).toBe(true);
    await sut.load();
    vi.useRealTimers();
    expect(blocked.has('ann')).toBe(true);
    expect(blocked.list()).toHaveLength(1);
  });

  it("follows the broker's clock on a pod whose clock is wrong", () => {
    const sut = new BlockedUsers();
    const brokerNow = Date.now() - 3_600_000;
    sut.block('ann', brokerNow + 60_000, brokerNow);
    sut.block('bob', brokerNow - 1, brokerNow);
    expect(sut.has('ann')).toBe(true);
    expect(sut.has('bob')).toBe(false);
  });
});
