import { MemoryBroker, MemoryStore, type Broker } from '@holdfast/broadcast';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Connections } from '../gateway/connections.js';
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
    onSignal: nothing,
  });
  onTestFinished(() => broker.close());
  return broker;
}

describe('Refusals', () => {
  it('tells a pod that starts later who is refused, and until when', async () => {
    const store = new MemoryStore();
    const refused: [string, number][] = [];
    const connections = { refuse: (user: string, until: number) => refused.push([user, until]) };
    const here = new Refusals(await startBroker(store), connections as unknown as Connections);
    await here.store({ user: 'ann', until: 2_000 });
    await here.store({ user: 'bob', until: 3_000 });
    const later = new Refusals(await startBroker(store), connections as unknown as Connections);
    await later.load();
    expect(refused).toEqual([
      ['ann', 2_000],
      ['bob', 3_000],
    ]);
  });
});
