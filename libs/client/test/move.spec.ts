import type { Position } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { HoldfastOptions } from '../src/client-options.js';
import { WAIT, type FakeGateway, type Peer } from './fake-gateway.js';
import type { SubscriptionHandlers } from '../src/subscription.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';

const offsets = (n: number) => Array.from({ length: n }, (_, index) => `message ${index + 1}`);

/** Two pods that both have every publication, and deliver it when the test says so. */
async function connected(gateway: FakeGateway, options: HoldfastOptions = {}) {
  const sut = connect(gateway, options);
  const events = recordEvents(sut);
  const app = record();
  await sut.subscribe('room', app, { last: 10 }).ready;
  return { sut, events, app, old: await gateway.peer(1) };
}

function drain(peer: Peer, within: number): void {
  peer.send('reconnect', { within, reason: 'draining' });
}

/** Moves at once, with a distant deadline, so that the deadline does not cause what the test waits for. */
function drainPatiently(peer: Peer): void {
  const random = vi.spyOn(Math, 'random').mockReturnValue(0.000_1);
  onTestFinished(() => random.mockRestore());
  drain(peer, 60_000);
}

/** Keeps both connections open, with a publish that the old one does not answer. */
async function overlapping(gateway: FakeGateway, handlers: Partial<SubscriptionHandlers> = {}) {
  const sut = connect(gateway);
  const app = { ...record(), ...handlers };
  const subscription = sut.subscribe('room', app, { presence: true });
  const old = await gateway.peer(1);
  await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
  gateway.scripts['publish'] = (peer) => (peer === old ? 'silence' : 'default');
  const publish = sut.publish('other', 'keeps the old connection');
  await vi.waitFor(() => expect(old.requests('publish')).toHaveLength(1), WAIT);
  drainPatiently(old);
  const next = await gateway.peer(2);
  await vi.waitFor(() => expect(next.requests('subscribe')).toHaveLength(1), WAIT);
  const leave = async () => {
    const [request] = old.requests('publish');
    if (request !== undefined) old.answer(request.id, { reply: { epoch: 'e1', offset: 1 } });
    await publish;
    await vi.waitFor(() => expect(old.closeCode).toBe(1000), WAIT);
  };
  return { sut, app, subscription, old, next, leave };
}

describe('make before break', () => {
  it('opens the next connection with its session, and only then closes the old one with 1000', async () => {
    const gateway = await startGateway();
    const { sut, events, app, old } = await connected(gateway);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    drainPatiently(old);

    const next = await gateway.peer(2);
    expect(next.session).toBe('session-1');
    await vi.waitFor(() => expect(old.closeCode).toBe(1000), WAIT);
    expect(next.requests('subscribe')[0]?.data['since']).toEqual({ epoch: 'e1', offset: 1 });
    gateway.publish('room', 'b');

    await vi.waitFor(() => expect(app.log).toEqual(offsets(2)), WAIT);
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
    expect(sut.welcome?.node).toBe('pod-2');
  });

  it('does not move at once: the clients of a pod move at different moments', async () => {
    const gateway = await startGateway();
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { old } = await connected(gateway);
    const start = performance.now();
    drain(old, 800);
    await gateway.peer(2);
    random.mockRestore();

    expect(performance.now() - start).toBeGreaterThanOrEqual(98);
  });

  it('delivers once and in order while both connections receive the messages', async () => {
    const gateway = await startGateway();
    const { app, events, old } = await connected(gateway);
    gateway.scripts['subscribe'] = () => {
      // Published between the request on the new connection and its reply: both the old connection and the replay have it.
      gateway.publish('room', 'during', [old]);
      return 'default';
    };
    const traffic = setInterval(() => gateway.publish('room', 'live'), 1);
    drainPatiently(old);
    await vi.waitFor(() => expect(events).toContain('moved pod-1 pod-2'), WAIT);
    const soFar = app.log.length;
    await vi.waitFor(() => expect(app.log.length).toBeGreaterThan(soFar + 5), WAIT);
    clearInterval(traffic);

    const sent = gateway.stream('room').messages.length;
    await vi.waitFor(() => expect(app.log).toEqual(offsets(sent)), WAIT);
    expect(events).toEqual(['connected', 'moved pod-1 pod-2']);
  });

  it('keeps the old connection until the new one delivers every channel', async () => {
    const gateway = await startGateway();
    const { sut, app, old } = await connected(gateway);
    const other = record();
    await sut.subscribe('other', other).ready;
    let isReady = false;
    gateway.scripts['subscribe'] = (peer, { channel }) =>
      peer !== old && channel === 'other' && !isReady ? { refuse: 'unavailable' } : 'default';
    drainPatiently(old);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(next.requests('subscribe').length).toBeGreaterThan(3), WAIT);
    gateway.publish('other', 'still by the old one', [old]);
    await vi.waitFor(() => expect(other.log).toEqual(offsets(1)), WAIT);
    expect(old.closeCode).toBeUndefined();

    isReady = true;
    await vi.waitFor(() => expect(old.closeCode).toBe(1000), WAIT);
    expect(other.log).toEqual(offsets(1));
    expect(app.log).toEqual([]);
  });

  it('settles outstanding publishes on the old connection, and sends new ones on the new one', async () => {
    const gateway = await startGateway();
    const { sut, old, events } = await connected(gateway);
    gateway.scripts['publish'] = (peer) => (peer === old ? 'silence' : 'default');
    const first = sut.publish('room', 1);
    await vi.waitFor(() => expect(old.requests('publish')).toHaveLength(1), WAIT);
    drainPatiently(old);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(next.requests('subscribe')).toHaveLength(1), WAIT);
    const second = sut.publish('room', 2);
    const elsewhere = sut.publish('other', 3);

    await expect(elsewhere).resolves.toEqual({ epoch: 'e1', offset: 1 });
    // On one channel the second waits for the first.
    expect(next.requests('publish').map(({ data }) => data['channel'])).toEqual(['other']);
    expect(old.closeCode).toBeUndefined();

    const [request] = old.requests('publish');
    const position: Position = { epoch: 'e1', offset: gateway.publish('room', 1) };
    if (request !== undefined) old.answer(request.id, { reply: position });
    await expect(first).resolves.toEqual(position);
    await expect(second).resolves.toEqual({ epoch: 'e1', offset: 2 });
    expect(old.requests('publish')).toHaveLength(1);
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
  });

  it('retries a publish that times out on the old connection on the new one, with its key', async () => {
    const gateway = await startGateway();
    // Without a back-off, because the other connection is open.
    const { sut, old, events } = await connected(gateway, { backoff: { base: 100_000, max: 100_000 } });
    gateway.scripts['publish'] = (peer) => (peer === old ? 'silence' : 'default');
    const publish = sut.publish('room', 1);
    await vi.waitFor(() => expect(old.requests('publish')).toHaveLength(1), WAIT);
    drain(old, 200);

    await expect(publish).resolves.toEqual({ epoch: 'e1', offset: 1 });
    const next = await gateway.peer(2);
    expect(next.requests('publish')[0]?.data['key']).toBe(old.requests('publish')[0]?.data['key']);
    await vi.waitFor(() => expect(old.closeCode).toBe(1000), WAIT);
    expect(events).toEqual(['connected', 'moved pod-1 pod-2']);
  });

  it('loses nothing in a namespace without history: the old connection delivers what the new one cannot', async () => {
    const gateway = await startGateway();
    const { app, old, events } = await connected(gateway);
    let isLate = false;
    gateway.scripts['subscribe'] = (peer) => {
      if (peer === old) return 'default';
      // Both pods have it, but the old one's frame is still on its way.
      gateway.publish('room', 'late', []);
      gateway.trim('room');
      isLate = true;
      return 'default';
    };
    drainPatiently(old);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(isLate && next.subscribed.has('room')).toBe(true), WAIT);
    gateway.publish('room', 'newer', [next]);
    old.send('message', { channel: 'room', offset: 1, data: 'late', time: 0 });
    old.send('message', { channel: 'room', offset: 2, data: 'newer', time: 0 });

    await vi.waitFor(() => expect(events).toContain('moved pod-1 pod-2'), WAIT);
    expect(app.log).toEqual(offsets(2));
  });

  it('reports messages that neither connection delivered', async () => {
    const gateway = await startGateway();
    const { app, old, events } = await connected(gateway);
    gateway.scripts['subscribe'] = (peer) => {
      if (peer === old) return 'default';
      gateway.publish('room', 'lost', []);
      gateway.trim('room');
      return 'default';
    };
    drain(old, 150);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(next.subscribed.has('room')).toBe(true), WAIT);
    gateway.publish('room', 'newer', [next]);

    await vi.waitFor(() => expect(app.log).toEqual(['not_recovered e1:1', 'message 2']), WAIT);
    expect(events).toContain('moved pod-1 pod-2');
  });

  it('reports no gap after unsubscribe', async () => {
    const gateway = await startGateway();
    const { sut, old, events } = await connected(gateway);
    const app = record();
    const subscription = sut.subscribe('other', app);
    await subscription.ready;
    gateway.scripts['subscribe'] = (peer, { channel }) => {
      if (peer === old || channel !== 'other') return 'default';
      gateway.publish('other', 'lost', []);
      gateway.trim('other');
      return 'default';
    };
    drainPatiently(old);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(next.subscribed.has('other')).toBe(true), WAIT);
    await sut.history('other');
    await subscription.unsubscribe();

    await vi.waitFor(() => expect(events).toContain('moved pod-1 pod-2'), WAIT);
    expect(app.log).toEqual([]);
  });

  it('retries while the old connection is open', async () => {
    const gateway = await startGateway();
    const { sut, app, old, events } = await connected(gateway);
    gateway.refuseUpgrades = 503;
    drainPatiently(old);
    await vi.waitFor(() => expect(gateway.refused).toBeGreaterThan(2), WAIT);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    expect(sut.state).toBe('connected');

    gateway.refuseUpgrades = undefined;
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
  });

  it('reconnects as usual if the old connection closes before there is a new one', async () => {
    const gateway = await startGateway();
    const { app, old, events } = await connected(gateway);
    gateway.refuseUpgrades = 503;
    drain(old, 40);
    await vi.waitFor(() => expect(gateway.refused).toBeGreaterThan(0), WAIT);
    old.close('restart');
    await vi.waitFor(() => expect(events).toContain('reconnecting 1012'), WAIT);
    gateway.publish('room', 'a');
    gateway.refuseUpgrades = undefined;

    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    expect(events.at(-1)).toBe('connected');
    expect(events).not.toContain('moved pod-1 pod-2');
  });

  it('returns to the old connection if the new one breaks first', async () => {
    const gateway = await startGateway();
    const { sut, app, old, events } = await connected(gateway);
    // The second pod dies as soon as it is asked for the channel.
    gateway.scripts['subscribe'] = (peer) => {
      if (peer.node === 'pod-2') peer.socket.terminate();
      return 'default';
    };
    drainPatiently(old);
    await gateway.peer(3);
    gateway.publish('room', 'a');

    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-3']), WAIT);
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    expect(sut.state).toBe('connected');
  });

  it('moves again if the new pod is draining as well', async () => {
    const gateway = await startGateway();
    const { app, old, events } = await connected(gateway);
    gateway.scripts['subscribe'] = (peer) => {
      if (peer.node === 'pod-2') drain(peer, 100);
      return 'default';
    };
    const traffic = setInterval(() => gateway.publish('room', 'live'), 1);
    drainPatiently(old);
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2', 'moved pod-2 pod-3']), WAIT);
    clearInterval(traffic);

    const sent = gateway.stream('room').messages.length;
    await vi.waitFor(() => expect(app.log).toEqual(offsets(sent)), WAIT);
    const second = await gateway.peer(2);
    await vi.waitFor(() => expect(second.closeCode).toBe(1000), WAIT);
    expect(gateway.peers).toHaveLength(3);
  });

  it('moves once for several notices, by the earliest', async () => {
    const gateway = await startGateway();
    const { old, events } = await connected(gateway);
    drain(old, 3_600_000);
    drain(old, 100);
    drain(old, 3_600_000);

    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
    expect(gateway.peers).toHaveLength(2);
  });

  it('gives up a move that is refused by a close code, and stops when the old connection ends', async () => {
    const gateway = await startGateway();
    const { sut, old, events } = await connected(gateway);
    gateway.greet = () => 'forbidden';
    drain(old, 40);
    const refused = await gateway.peer(2);
    await vi.waitFor(() => expect(refused.closeCode).toBeDefined(), WAIT);
    expect(sut.state).toBe('connected');
    old.close('restart');

    await vi.waitFor(() => expect(events).toEqual(['connected', 'reconnecting 1012', 'closed 4003']), WAIT);
    expect(gateway.peers).toHaveLength(3);
  });

  it('continues the current attempt if the old connection ends meanwhile', async () => {
    const gateway = await startGateway();
    const { sut, old, events } = await connected(gateway);
    gateway.greet = () => undefined;
    drainPatiently(old);
    const next = await gateway.peer(2);
    old.close('restart');
    await vi.waitFor(() => expect(sut.state).toBe('reconnecting'), WAIT);
    next.send('welcome', gateway.welcome(next));
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    await sut.history('room');

    expect(events).toEqual(['connected', 'reconnecting 1012', 'connected']);
    expect(gateway.peers).toHaveLength(2);
  });

  describe('while both connections are open', () => {
    it('reports joins and leaves once, from the new one', async () => {
      const gateway = await startGateway();
      const log: string[] = [];
      gateway.scripts['subscribe'] = ({ node }) => ({
        reply: { channel: 'room', epoch: 'e1', offset: 0, recovered: true, members: [{ client: node }], count: 1 },
      });
      const { old, next, leave } = await overlapping(gateway, {
        subscribed: () => log.push('subscribed'),
        members: ({ members }) => log.push(`members ${members.map(({ client }) => client).join()}`),
        join: ({ client }) => log.push(`join ${client}`),
      });
      await vi.waitFor(() => expect(log).toContain('members pod-2'), WAIT);
      for (const peer of [old, next]) peer.send('join', { channel: 'room', member: { client: peer.node } });
      await leave();

      await vi.waitFor(() => expect(log).toEqual(['subscribed', 'members pod-1', 'members pod-2', 'join pod-2']), WAIT);
    });

    it('stays subscribed if only the old one ends the subscription', async () => {
      const gateway = await startGateway();
      const { sut, app, old, next, leave } = await overlapping(gateway);
      old.send('unsubscribed', { channel: 'room', code: 'forbidden' });
      await leave();
      await sut.history('room');
      gateway.publish('room', 'a', [next]);

      await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);
    });

    it('ends the subscription on both if the new one refuses it', async () => {
      const gateway = await startGateway();
      gateway.scripts['subscribe'] = ({ node }) => (node === 'pod-1' ? 'default' : { refuse: 'forbidden' });
      const { app, old, leave } = await overlapping(gateway);
      await vi.waitFor(() => expect(old.requests('unsubscribe')).toHaveLength(1), WAIT);
      await leave();
      gateway.publish('room', 'a');

      expect(app.log).toEqual(['error forbidden']);
    });

    it('waits for the replies of the old one', async () => {
      const gateway = await startGateway();
      gateway.scripts['presence'] = ({ node }) => (node === 'pod-1' ? 'silence' : 'default');
      const sut = connect(gateway);
      const presence = sut.presence('room');
      const old = await gateway.peer(1);
      await vi.waitFor(() => expect(old.requests('presence')).toHaveLength(1), WAIT);
      drainPatiently(old);
      const next = await gateway.peer(2);
      await sut.history('room');
      const [request] = old.requests('presence');
      if (request !== undefined) old.answer(request.id, { reply: { members: [], count: 7 } });

      await expect(presence).resolves.toEqual({ members: [], count: 7 });
      expect(next.requests('presence')).toEqual([]);
    });

    it('is not misled by a late refusal of the old one', async () => {
      const gateway = await startGateway();
      gateway.scripts['subscribe'] = ({ node }) => (node === 'pod-1' ? 'silence' : 'default');
      const { app, subscription, old, next, leave } = await overlapping(gateway);
      await subscription.ready;
      const [request] = old.requests('subscribe');
      if (request !== undefined) old.answer(request.id, { refuse: 'forbidden' });
      await leave();
      gateway.publish('room', 'a', [next]);

      await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);
    });
  });
});

describe('a gateway that is overloaded', () => {
  it('is left if another accepts the client', async () => {
    const gateway = await startGateway();
    const { events, old } = await connected(gateway);
    old.send('reconnect', { within: 200, reason: 'overloaded' });
    await gateway.peer(2);
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
    await vi.waitFor(() => expect(old.closeCode).toBe(1000), WAIT);
  });

  it('keeps the client if no other accepts it, until it asks again', async () => {
    const gateway = await startGateway();
    const { sut, events, app, old } = await connected(gateway, { backoff: { base: 10, max: 20 } });
    gateway.refuseUpgrades = 503;
    old.send('reconnect', { within: 600, reason: 'overloaded' });
    await vi.waitFor(() => expect(gateway.refused).toBeGreaterThan(1), WAIT);
    let before = -1;
    await vi.waitFor(
      () => {
        const { refused } = gateway;
        const isDone = refused === before;
        before = refused;
        expect(isDone).toBe(true);
      },
      { ...WAIT, interval: 100 },
    );
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    expect(sut.state).toBe('connected');
    expect(events).toEqual(['connected']);

    gateway.refuseUpgrades = undefined;
    old.send('reconnect', { within: 100, reason: 'overloaded' });
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
  });

  it('that later shuts down is left for good', async () => {
    const gateway = await startGateway();
    const { events, old } = await connected(gateway, { backoff: { base: 10, max: 20 } });
    gateway.refuseUpgrades = 503;
    old.send('reconnect', { within: 50, reason: 'overloaded' });
    old.send('reconnect', { within: 60_000, reason: 'draining' });
    await vi.waitFor(() => expect(gateway.refused).toBeGreaterThan(10), WAIT);
    gateway.refuseUpgrades = undefined;
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
  });
});
