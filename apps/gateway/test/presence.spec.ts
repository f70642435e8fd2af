import type { Member } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { connectAs } from './support/connect-as.js';
import { startGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { Pod, settled } from './support/pod.js';
import type { TestClient } from './support/test-client.js';

const CHANNEL = 'chat:lobby';
const GRACE_S = 0.3;
const FILE = { presence: { grace: GRACE_S } };

/** The joins and leaves that a client received: `join alice`, `leave CLIENT`. */
function joinsAndLeaves({ frames }: Pick<TestClient, 'frames'>): string[] {
  return frames
    .filter(({ event }) => event === 'join' || event === 'leave')
    .map(({ event, data }) => {
      const { user, client } = data['member'] as Member;
      return `${event} ${user ?? client}`;
    });
}

/** Waits for this number of joins and leaves. */
async function untilReceived(client: TestClient, count: number): Promise<string[]> {
  await vi.waitFor(() => expect(joinsAndLeaves(client).length).toBeGreaterThanOrEqual(count), {
    interval: 5,
  });
  return joinsAndLeaves(client);
}

/** Resolves when everything sent so far has arrived, and a grace time has passed. */
async function passGrace(client: TestClient): Promise<void> {
  const begun = performance.now();
  await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThan(GRACE_S * 1_000 + 200), {
    interval: 20,
  });
  await client.request('ping', undefined);
}

describe('presence', () => {
  it('reports joins and leaves to clients that requested them, but not their own', async () => {
    const gateway = await startGateway(FILE);
    const watcher = await connectAs(gateway, { sub: 'watcher' });
    const other = await connectAs(gateway, { sub: 'other' });
    await watcher.subscribe(CHANNEL, { presence: true });
    await other.subscribe(CHANNEL);
    const guest = await gateway.connect();
    await guest.subscribe(CHANNEL, { presence: true });
    await guest.request('unsubscribe', { channel: CHANNEL });
    await other.request('unsubscribe', { channel: CHANNEL });
    const { client } = guest.welcome;
    expect(await untilReceived(watcher, 4)).toEqual(['join other', `join ${client}`, `leave ${client}`, 'leave other']);
    expect(joinsAndLeaves(other)).toEqual([]);
    expect(joinsAndLeaves(guest)).toEqual([]);
  });

  it('returns the members with the subscribe reply, including the client itself, as their tokens describe them', async () => {
    const gateway = await startGateway(FILE);
    const info = { name: 'Alice', tags: ['a', null, { b: 1.5 }] };
    const alice = await connectAs(gateway, { sub: 'alice', info });
    const guest = await gateway.connect();
    const members = [{ client: alice.welcome.client, user: 'alice', info }, { client: guest.welcome.client }];
    expect(await alice.subscribe(CHANNEL, { presence: true })).toMatchObject({ members: [members[0]], count: 1 });
    expect(await guest.subscribe(CHANNEL, { presence: true })).toMatchObject({ members, count: 2 });
    const join = await alice.next('join');
    expect(join.data).toEqual({ channel: CHANNEL, member: members[1] });
    expect(await guest.request('presence', { channel: CHANNEL })).toEqual({ members, count: 2 });
  });

  it('counts all members, and lists up to the configured number', async () => {
    const gateway = await startGateway({ presence: { maxMembers: 2 } });
    const clients = await Promise.all(Array.from({ length: 5 }, () => gateway.connect()));
    for (const client of clients) await client.subscribe(CHANNEL);
    const { members, count } = await (clients[0] ?? expect.unreachable()).request('presence', { channel: CHANNEL });
    expect([members.length, count]).toEqual([2, 5]);
  });

  it('is only available to clients that may subscribe', async () => {
    const gateway = await startGateway({ namespaceDefaults: { subscribe: 'granted' } });
    const alice = await connectAs(gateway, { sub: 'alice', channels: ['chat:*'] });
    expect(await alice.request('presence', { channel: CHANNEL })).toEqual({ members: [], count: 0 });
    const bob = await connectAs(gateway, { sub: 'bob' });
    await expect(bob.request('presence', { channel: CHANNEL })).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('promise 5: presence does not flicker', () => {
  it.each([1000, 1001])('a client that closes its connection (%i) leaves at once', async (code) => {
    const gateway = await startGateway({ presence: { grace: 300 } });
    const watcher = await gateway.connect();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await watcher.subscribe(CHANNEL, { presence: true });
    await alice.subscribe(CHANNEL);
    await alice.close(code);
    expect(await untilReceived(watcher, 2)).toEqual(['join alice', 'leave alice']);
  });

  it('a client whose connection breaks leaves after the grace time, and not before', async () => {
    const gateway = await startGateway(FILE);
    const watcher = await gateway.connect();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await watcher.subscribe(CHANNEL, { presence: true });
    await alice.subscribe(CHANNEL);
    alice.webSocket.terminate();
    const broken = performance.now();
    expect(await untilReceived(watcher, 2)).toEqual(['join alice', 'leave alice']);
    expect(performance.now() - broken).toBeGreaterThanOrEqual(GRACE_S * 1_000 - 5);
  });

  it('a client that returns with its session within the grace time does not leave, and keeps its id', async () => {
    const gateway = await startGateway(FILE);
    const watcher = await gateway.connect();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await watcher.subscribe(CHANNEL, { presence: true });
    await alice.subscribe(CHANNEL);
    alice.webSocket.terminate();
    const back = await connectAs(gateway, { sub: 'alice' }, alice.welcome.session);
    expect(back.welcome).toMatchObject({ client: alice.welcome.client, session: alice.welcome.session });
    await back.subscribe(CHANNEL);
    await passGrace(watcher);
    expect(joinsAndLeaves(watcher)).toEqual(['join alice']);
    expect(await watcher.request('presence', { channel: CHANNEL })).toMatchObject({ count: 2 });
    await back.close();
    expect(await untilReceived(watcher, 2)).toEqual(['join alice', 'leave alice']);
  });

  it('a client that returns without subscribing again leaves', async () => {
    const gateway = await startGateway(FILE);
    const watcher = await gateway.connect();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await watcher.subscribe(CHANNEL, { presence: true });
    await alice.subscribe(CHANNEL);
    alice.webSocket.terminate();
    await connectAs(gateway, { sub: 'alice' }, alice.welcome.session);
    expect(await untilReceived(watcher, 2)).toEqual(['join alice', 'leave alice']);
  });

  it('a client that opens its next connection before the old one closes neither leaves nor joins, on any pod', async () => {
    const [here, there] = await startGatewaysOnOneBroker([{ HOLDFAST_NODE: 'here' }, { HOLDFAST_NODE: 'there' }], FILE);
    if (here === undefined || there === undefined) throw new Error('expected two gateways');
    const watcher = await here.connect();
    await watcher.subscribe(CHANNEL, { presence: true });
    const first = await connectAs(here, { sub: 'alice' });
    await first.subscribe(CHANNEL);
    const second = await connectAs(here, { sub: 'alice' }, first.welcome.session);
    await second.subscribe(CHANNEL);
    await first.close();
    const third = await connectAs(there, { sub: 'alice' }, first.welcome.session);
    await third.subscribe(CHANNEL);
    second.webSocket.terminate();
    await passGrace(watcher);
    expect(joinsAndLeaves(watcher)).toEqual(['join alice']);
    expect(await watcher.request('presence', { channel: CHANNEL })).toMatchObject({ count: 2 });
    await third.close();
    expect(await untilReceived(watcher, 2)).toEqual(['join alice', 'leave alice']);
  });

  it('a session that returns as another user is another client: the previous user leaves', async () => {
    const gateway = await startGateway(FILE);
    const watcher = await gateway.connect();
    await watcher.subscribe(CHANNEL, { presence: true });
    const alice = await connectAs(gateway, { sub: 'alice' });
    await alice.subscribe(CHANNEL);
    alice.webSocket.terminate();
    const bob = await connectAs(gateway, { sub: 'bob' }, alice.welcome.session);
    await bob.subscribe(CHANNEL);
    await passGrace(watcher);
    expect(joinsAndLeaves(watcher).toSorted()).toEqual(['join alice', 'join bob', 'leave alice']);
    expect(await watcher.request('presence', { channel: CHANNEL })).toMatchObject({ count: 2 });
  });

  it('a client that the API disconnects leaves at once, because it does not return', async () => {
    const pod = await Pod.start({ file: { presence: { grace: 300 } } });
    const [watcher, alice] = [pod.connect(), pod.connect({ identity: { user: 'alice', channels: [], publish: [] } })];
    await watcher.subscribe(CHANNEL, { presence: true });
    await alice.subscribe(CHANNEL);
    alice.disconnect(4009);
    await settled();
    expect(joinsAndLeaves(watcher)).toEqual(['join alice', 'leave alice']);
  });

  it('no client leaves while its pod drains, however long that takes: it may return to another pod', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const pod = await Pod.start({ file: FILE });
      const [watcher, guest] = [pod.connect(), pod.connect()];
      await watcher.subscribe(CHANNEL, { presence: true });
      await guest.subscribe(CHANNEL);
      pod.lifecycle.stage = 'draining';
      guest.disconnect(1012);
      vi.advanceTimersByTime(GRACE_S * 1_000);
      await settled();
      expect(joinsAndLeaves(watcher)).toEqual([`join ${guest.session.client}`]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('no client leaves because its pod stops', async () => {
    const [here, there] = await startGatewaysOnOneBroker(
      [{ HOLDFAST_NODE: 'here', HOLDFAST_DRAIN_SECONDS: '0.2' }, { HOLDFAST_NODE: 'there' }],
      FILE,
    );
    if (here === undefined || there === undefined) throw new Error('expected two gateways');
    const watcher = await there.connect();
    await watcher.subscribe(CHANNEL, { presence: true });
    const alice = await connectAs(here, { sub: 'alice' });
    await alice.subscribe(CHANNEL);
    await here.close();
    await alice.closed;
    const back = await connectAs(there, { sub: 'alice' }, alice.welcome.session);
    await back.subscribe(CHANNEL);
    await passGrace(watcher);
    expect(joinsAndLeaves(watcher)).toEqual(['join alice']);
  });
});
