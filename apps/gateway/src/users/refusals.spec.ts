import { MemoryBroker, MemoryStore, type Broker } from '@holdfast/broadcast';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PinoLogger } from 'nestjs-pino';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import type { Connections } from '../gateway/connections.js';
import { Metrics } from '../metrics/metrics.js';
import { Refusals } from './refusals.js';

const nothing = (): void => {};

async function startBroker(store: MemoryStore): Promise<Broker> {
  const broker = new MemoryBroker(store);
  await broker.start({
    onPublication: nothing,
    onGap: nothing,
    onJoin: nothing,
    onLeave: nothing,
    onPresenceGap: nothing,
    onBelated: nothing,
    onSignal: nothing,
    onInvalid: nothing,
    onFault: nothing,
  });
  onTestFinished(() => broker.close());
  return broker;
}

/** A pod, and whom it refuses. */
async function startPod(store: MemoryStore): Promise<{ sut: Refusals; refused: Map<string, number> }> {
  const refused = new Map<string, number>();
  const connections: Pick<Connections, 'refuse' | 'refusals'> = {
    refuse: (user, until) => void refused.set(user, until),
    refusals: () => Array.from(refused, ([user, until]) => ({ user, until })),
  };
  const inputs = new BrokerInputs(new Metrics(), new PinoLogger({ pinoHttp: { level: 'silent' } }));
  return { sut: new Refusals(await startBroker(store), connections as Connections, inputs), refused };
}

const ANN = { user: 'ann', until: Date.now() + 60_000 };
const BOB = { user: 'bob', until: Date.now() + 90_000 };
const BOTH = new Map([ANN, BOB].map(({ user, until }) => [user, until]));

describe('Refusals', () => {
  it('tells a pod that starts later who is refused, and until when', async () => {
    const store = new MemoryStore();
    const { sut } = await startPod(store);
    await sut.store(ANN);
    await sut.store(BOB);
    const later = await startPod(store);
    await later.sut.load();
    expect(later.refused).toEqual(BOTH);
  });

  it('gives a broker that has lost them back what the pods know, once', async () => {
    const store = new MemoryStore();
    const [one, other] = [await startPod(store), await startPod(store)];
    for (const { refused } of [one, other]) refused.set(ANN.user, ANN.until);
    other.refused.set(BOB.user, BOB.until);
    for (const { sut } of [one, other, one]) await sut.load();
    expect(one.refused).toEqual(BOTH);
    const later = await startPod(store);
    await later.sut.load();
    expect(later.refused).toEqual(BOTH);
    const stream = await (await startBroker(store)).history('!refusals', { limit: 10 });
    expect(stream.publications).toHaveLength(2);
  });

  it('notices by itself that the broker has lost them', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const store = new MemoryStore();
    const { sut, refused } = await startPod(store);
    sut.onModuleInit();
    onTestFinished(() => sut.onApplicationShutdown());
    await sut.load();
    // As if it had been told by a signal, and the stream was lost behind it.
    refused.set(ANN.user, ANN.until);
    await vi.advanceTimersByTimeAsync(10_000);
    const later = await startPod(store);
    await later.sut.load();
    expect(later.refused).toEqual(new Map([[ANN.user, ANN.until]]));
  });
});
