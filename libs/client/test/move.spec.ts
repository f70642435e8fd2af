import type { Position } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WAIT, type FakeGateway, type Peer } from './fake-gateway.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';

const offsets = (n: number) => Array.from({ length: n }, (_, index) => `message ${index + 1}`);

/** Two pods that both have what is published, each sending it when the test says so. */
async function connected(gateway: FakeGateway, channel = 'room') {
  const sut = connect(gateway);
  const events = recordEvents(sut);
  const app = record();
  await sut.subscribe(channel, app, { last: 10 }).ready;
  return { sut, events, app, old: await gateway.peer(1) };
}

function drain(peer: Peer, within: number): void {
  peer.send('reconnect', { within, reason: 'draining' });
}

describe('make before break', () => {
  it('opens the next connection under its session, and only then leaves the old one with 1000', async () => {
    const gateway = await startGateway();
    const { sut, events, app, old } = await connected(gateway);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    drain(old, 400);

    const next = await gateway.peer(2);
    expect(next.session).toBe('session-1');
    await vi.waitFor(() => expect(old.closeCode).toBe(1000), WAIT);
    expect(next.requests('subscribe')[0]?.data['since']).toEqual({ epoch: 'e1', offset: 1 });
    gateway.publish('room', 'b');

    await vi.waitFor(() => expect(app.log).toEqual(offsets(2)), WAIT);
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
    expect(sut.welcome?.node).toBe('pod-2');
  });

  it('does not move at once: clients of one pod come at different moments', async () => {
    const gateway = await startGateway();
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { old } = await connected(gateway);
    const start = performance.now();
    drain(old, 800);
    await gateway.peer(2);
    random.mockRestore();

    expect(performance.now() - start).toBeGreaterThanOrEqual(98);
  });

  it('hands over once and in order while both connections bring the messages', async () => {
    const gateway = await startGateway();
    const { app, events, old } = await connected(gateway);
    gateway.scripts['subscribe'] = () => {
      // Published between the request of the new connection and its reply: the old one brings it, the replay as well.
      gateway.publish('room', 'during', [old]);
      return 'default';
    };
    const traffic = setInterval(() => gateway.publish('room', 'live'), 1);
    drain(old, 400);
    await vi.waitFor(() => expect(events).toContain('moved pod-1 pod-2'), WAIT);
    const soFar = app.log.length;
    await vi.waitFor(() => expect(app.log.length).toBeGreaterThan(soFar + 5), WAIT);
    clearInterval(traffic);

    const sent = gateway.stream('room').messages.length;
    await vi.waitFor(() => expect(app.log).toEqual(offsets(sent)), WAIT);
    expect(events).toEqual(['connected', 'moved pod-1 pod-2']);
  });

  it('keeps the old connection until the new one brings every channel', async () => {
    const gateway = await startGateway();
    const { sut, app, old } = await connected(gateway);
    const other = record();
    await sut.subscribe('other', other).ready;
    let isReady = false;
    gateway.scripts['subscribe'] = (peer, { channel }) =>
      peer !== old && channel === 'other' && !isReady ? { refuse: 'unavailable' } : 'default';
    drain(old, 1_000);
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

  it('settles the publishes that are under way on the old one, and sends new ones on the new', async () => {
    const gateway = await startGateway();
    const { sut, old, events } = await connected(gateway);
    gateway.scripts['publish'] = (peer) => (peer === old ? 'silence' : 'default');
    const first = sut.publish('room', 1);
    await vi.waitFor(() => expect(old.requests('publish')).toHaveLength(1), WAIT);
    drain(old, 1_000);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(next.requests('subscribe')).toHaveLength(1), WAIT);
    const second = sut.publish('room', 2);
    const elsewhere = sut.publish('other', 3);

    await expect(elsewhere).resolves.toEqual({ epoch: 'e1', offset: 1 });
    // In one channel the second waits for the first.
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

  it('takes a publish that the old connection does not answer in time to the new one, under its key', async () => {
    const gateway = await startGateway();
    const { sut, old, events } = await connected(gateway);
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

  it('loses nothing where a namespace keeps no history: the old connection brings what the new one cannot', async () => {
    const gateway = await startGateway();
    const { app, old, events } = await connected(gateway);
    let isLate = false;
    gateway.scripts['subscribe'] = (peer) => {
      if (peer === old) return 'default';
      // Both pods know of it, but the old one's frame is still on its way.
      gateway.publish('room', 'late', []);
      gateway.trim('room');
      isLate = true;
      return 'default';
    };
    drain(old, 1_000);
    const next = await gateway.peer(2);
    await vi.waitFor(() => expect(isLate && next.subscribed.has('room')).toBe(true), WAIT);
    gateway.publish('room', 'newer', [next]);
    old.send('message', { channel: 'room', offset: 1, data: 'late', time: 0 });
    old.send('message', { channel: 'room', offset: 2, data: 'newer', time: 0 });

    await vi.waitFor(() => expect(events).toContain('moved pod-1 pod-2'), WAIT);
    expect(app.log).toEqual(offsets(2));
  });

  it('tells of what neither connection brought', async () => {
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

  it('tries again while the old one lives', async () => {
    const gateway = await startGateway();
    const { sut, app, old, events } = await connected(gateway);
    gateway.refuseUpgrades = 503;
    drain(old, 1_000);
    await vi.waitFor(() => expect(gateway.refused).toBeGreaterThan(2), WAIT);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    expect(sut.state).toBe('connected');

    gateway.refuseUpgrades = undefined;
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
  });

  it('reconnects in the ordinary way where the old one is closed before there is a new one', async () => {
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

  it('goes back to the old connection where the new one breaks first', async () => {
    const gateway = await startGateway();
    const { sut, app, old, events } = await connected(gateway);
    // The second pod dies as soon as it is asked for the channel.
    gateway.scripts['subscribe'] = (peer) => {
      if (peer.node === 'pod-2') peer.socket.terminate();
      return 'default';
    };
    drain(old, 1_000);
    await gateway.peer(3);
    gateway.publish('room', 'a');

    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-3']), WAIT);
    await vi.waitFor(() => expect(app.log).toEqual(offsets(1)), WAIT);
    expect(sut.state).toBe('connected');
  });

  it('moves on where the new pod is draining as well', async () => {
    const gateway = await startGateway();
    const { app, old, events } = await connected(gateway);
    gateway.scripts['subscribe'] = (peer) => {
      if (peer.node === 'pod-2') drain(peer, 100);
      return 'default';
    };
    const traffic = setInterval(() => gateway.publish('room', 'live'), 1);
    drain(old, 400);
    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2', 'moved pod-2 pod-3']), WAIT);
    clearInterval(traffic);

    const sent = gateway.stream('room').messages.length;
    await vi.waitFor(() => expect(app.log).toEqual(offsets(sent)), WAIT);
    const second = await gateway.peer(2);
    await vi.waitFor(() => expect(second.closeCode).toBe(1000), WAIT);
    expect(gateway.peers).toHaveLength(3);
  });

  it('moves once for several notices, by the soonest', async () => {
    const gateway = await startGateway();
    const { old, events } = await connected(gateway);
    drain(old, 3_600_000);
    drain(old, 100);
    drain(old, 3_600_000);

    await vi.waitFor(() => expect(events).toEqual(['connected', 'moved pod-1 pod-2']), WAIT);
    expect(gateway.peers).toHaveLength(2);
  });

  it('gives up a move that is refused by code, and stops when the old connection ends', async () => {
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
});
