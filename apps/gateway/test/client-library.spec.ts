import { Holdfast, type Message } from '@holdfast/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.js';

const CHANNEL = 'chat:journal';
const CLIENTS = 20;
const CUTS = 3;

/** Long enough for a client that was away while the others published as fast as they could. */
const LONG_HISTORY = { namespaceDefaults: { history: { size: 10_000 } }, replay: { maxMessages: 10_000 } };

/** A client with the library, and everything its application received. */
class Journal {
  readonly client: Holdfast;
  readonly messages: Message[] = [];
  readonly states: string[] = [];
  readonly gaps: string[] = [];
  readonly presence: string[] = [];
  moves = 0;

  constructor(url: string) {
    this.client = new Holdfast(url);
    this.client.on('state', ({ state }) => this.states.push(state));
    this.client.on('moved', () => (this.moves += 1));
  }

  get timesConnected(): number {
    return this.states.filter((state) => state === 'connected').length;
  }

  async subscribe(): Promise<void> {
    const { ready } = this.client.subscribe(
      CHANNEL,
      {
        message: (message) => this.messages.push(message),
        gap: (_position, reason) => this.gaps.push(reason),
        join: (member) => this.presence.push(`join ${member.client}`),
        leave: (member) => this.presence.push(`leave ${member.client}`),
      },
      { presence: true },
    );
    await ready;
  }
}

/** Publishes numbered messages, each as soon as the previous one is stored. */
async function publishWhile(client: Holdfast, name: string, running: () => boolean): Promise<string[]> {
  const acknowledged: string[] = [];
  while (running()) {
    const text = `${name} ${acknowledged.length + 1}`;
    await client.publish(CHANNEL, text);
    acknowledged.push(text);
  }
  return acknowledged;
}

async function openJournals(proxy: TcpProxy): Promise<Journal[]> {
  const journals = Array.from({ length: CLIENTS }, () => new Journal(`ws://127.0.0.1:${proxy.port}/ws`));
  onTestFinished(async () => {
    await Promise.all(journals.map(({ client }) => client.close()));
  });
  for (const journal of journals) await journal.subscribe();
  for (const [index, { states, presence }] of journals.entries()) {
    // Each has seen the clients join that subscribed after it.
    await vi.waitFor(() => expect(presence).toHaveLength(CLIENTS - 1 - index));
    states.length = 0;
    presence.length = 0;
  }
  return journals;
}

/** Promises 1, 2 and 4: every client received every acknowledged message once, in order. */
async function expectEachOnceInOrder(journals: readonly Journal[], acknowledged: readonly string[]): Promise<void> {
  await vi.waitFor(() => {
    for (const { messages } of journals) expect(messages).toHaveLength(acknowledged.length);
  });
  const [first] = journals;
  const offsets = acknowledged.map((_, index) => index + 1);
  expect(new Set(first?.messages.map(({ data }) => data))).toEqual(new Set(acknowledged));
  for (const { messages, gaps } of journals) {
    expect(messages.map(({ offset }) => offset)).toEqual(offsets);
    expect(gaps).toEqual([]);
  }
}

describe('the client library and the gateway', () => {
  it('promise 5: a drain moves every client before its connection closes', async () => {
    const [first, second] = await startGatewaysOnOneBroker(
      [{ HOLDFAST_NODE: 'first', HOLDFAST_DRAIN_SECONDS: '3' }, { HOLDFAST_NODE: 'second' }],
      LONG_HISTORY,
    );
    if (first === undefined || second === undefined) throw new Error('expected two gateways');
    const proxy = await startTcpProxy(first.port);
    const journals = await openJournals(proxy);
    const publishers = [new Journal(`ws://127.0.0.1:${proxy.port}/ws`), new Journal(`ws://127.0.0.1:${proxy.port}/ws`)];
    onTestFinished(async () => {
      await Promise.all(publishers.map(({ client }) => client.close()));
    });

    const drain = { done: false };
    const publishing = publishers.map(({ client }, index) => publishWhile(client, `p${index}`, () => !drain.done));
    proxy.target = second.port;
    await first.close();
    drain.done = true;

    await expectEachOnceInOrder(journals, (await Promise.all(publishing)).flat());
    for (const { states, moves, presence, client } of journals) {
      expect(states).toEqual([]);
      expect(moves).toBe(1);
      expect(presence).toEqual([]);
      expect(client.welcome?.node).toBe('second');
    }
  });

  it('promises 3 and 4: every client reconnects after a broken connection, and nothing is lost or duplicated', async () => {
    const [gateway] = await startGatewaysOnOneBroker([{}], LONG_HISTORY);
    if (gateway === undefined) throw new Error('expected a gateway');
    const proxy = await startTcpProxy(gateway.port);
    const journals = await openJournals(proxy);
    const [publisher] = journals;
    if (publisher === undefined) throw new Error('no client');

    const cuts = { made: 0 };
    const publishing = publishWhile(publisher.client, 'p', () => cuts.made < CUTS);
    while (cuts.made < CUTS) {
      const received = publisher.messages.length;
      await vi.waitFor(() => expect(publisher.messages.length).toBeGreaterThan(received + 50));
      proxy.cut();
      const back = cuts.made + 1;
      await vi.waitFor(() => journals.forEach((journal) => expect(journal.timesConnected).toBe(back)));
      cuts.made = back;
    }

    await expectEachOnceInOrder(journals, await publishing);
    for (const { presence } of journals) {
      // They returned within the grace time, under the same client id: no client saw another one leave.
      expect(presence).toEqual([]);
    }
  });
});
