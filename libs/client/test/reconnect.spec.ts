import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WAIT } from './fake-gateway.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';
import { startWorld } from './world.js';

describe('reconnect', () => {
  it("resumes from the application's position, with the same session", async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const events = recordEvents(sut);
    const app = record();
    await sut.subscribe('room', app, { last: 10 }).ready;
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);

    const [first] = gateway.peers;
    first?.socket.terminate();
    gateway.publish('room', 'b');
    gateway.publish('room', 'c');
    const second = await gateway.peer(2);
    await vi.waitFor(() => expect(app.log).toHaveLength(3), WAIT);
    gateway.publish('room', 'd');

    await vi.waitFor(() => expect(app.log).toEqual([1, 2, 3, 4].map((offset) => `message ${offset}`)), WAIT);
    expect(second.requests('subscribe')[0]?.data).toEqual({ channel: 'room', since: { epoch: 'e1', offset: 1 } });
    expect(second.session).toBe('session-1');
    expect(second.url, 'a secret in the URL is in the log of every proxy').toBe('/ws');
    expect(events).toEqual(['connected', 'reconnecting 1006', 'connected']);
  });

  it('reports messages that could not be replayed before anything newer', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    const subscription = sut.subscribe('room', app);
    await subscription.ready;
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);

    gateway.peers[0]?.socket.terminate();
    gateway.publish('room', 'lost');
    gateway.trim('room');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'not_recovered e1:2']), WAIT);
    gateway.publish('room', 'c');

    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'not_recovered e1:2', 'message 3']), WAIT);
    expect(subscription.position).toEqual({ epoch: 'e1', offset: 3 });
  });

  it('reports a new epoch and continues in it', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);

    gateway.peers[0]?.socket.terminate();
    gateway.restart('room', 'e2');
    await gateway.peer(2);
    await vi.waitFor(() => expect(app.log).toContain('not_recovered e2:0'), WAIT);
    gateway.publish('room', 'first again');

    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'not_recovered e2:0', 'message 1']), WAIT);
  });

  it('tries again until there is a gateway', async () => {
    const gateway = await startGateway();
    gateway.refuseUpgrades = 503;
    const sut = connect(gateway);
    const events = recordEvents(sut);
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(2), WAIT);
    expect(new Set(events)).toEqual(new Set(['connecting 1006']));
    expect(sut.state).toBe('connecting');

    gateway.refuseUpgrades = undefined;
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    expect(sut.welcome?.node).toBe('pod-1');
  });

  it('waits longer with every attempt, and starts over after a stable connection', async () => {
    const world = startWorld();
    vi.spyOn(Math, 'random').mockReturnValue(1);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const dialledAfter = async (): Promise<number> => {
      const { dials } = world;
      let waited = 0;
      for (; world.dials === dials; waited += 50) await world.pass(50);
      return waited;
    };
    world.latency = 0;
    world.gateway.refuseUpgrades = 503;
    world.connect({ backoff: { base: 1_000, max: 5_000 } });
    await world.pass(10);
    for (const delay of [1_000, 2_000, 4_000, 5_000]) expect(await dialledAfter()).toBeCloseTo(delay, -2);
    world.gateway.refuseUpgrades = undefined;
    await dialledAfter();
    await world.pass(100);
    world.peer().socket.terminate();
    expect(await dialledAfter()).toBeCloseTo(5_000, -2);

    await world.pass(100 + 6_000);
    world.peer().socket.terminate();
    expect(await dialledAfter()).toBeCloseTo(1_000, -2);
  });

  it('does not wait for a welcome for ever', async () => {
    const gateway = await startGateway();
    gateway.greet = ({ node }) => (node === 'pod-1' ? undefined : {});
    const sut = connect(gateway, { timeout: 400 });

    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    expect(sut.welcome?.node).toBe('pod-2');
  });

  it('detects a half-open connection: a ping after silence, and no sign of life after it', async () => {
    const world = startWorld();
    const sut = world.connect();
    const events = recordEvents(sut);
    const app = record();
    sut.subscribe('room', app);
    await world.pass(20_000);
    const first = world.peer(1);
    expect(first.requests('ping').length).toBeGreaterThan(1);
    expect(events).toEqual(['connected']);

    first.isMute = true;
    world.gateway.publish('room', 'a');
    await world.pass(20_000);
    expect(app.log).toEqual(['message 1']);
    expect(events).toEqual(['connected', 'reconnecting 1006', 'connected']);
  });

  it('pings only if the gateway is silent', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ ping: 1_000 });
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    const chatter = setInterval(() => gateway.publish('room', 'still here'), 50);
    await vi.waitFor(() => expect(app.log.length).toBeGreaterThan(30), WAIT);
    clearInterval(chatter);

    expect(gateway.peers[0]?.requests('ping')).toEqual([]);
    expect(sut.state).toBe('connected');
  });

  it('leaves a peer that does not speak the protocol', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const first = await gateway.peer(1);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    first.socket.send('<html>');

    await gateway.peer(2);
    await vi.waitFor(() => expect(sut.welcome?.node).toBe('pod-2'), WAIT);
  });

  it.each(['normal', 'goingAway', 'badFraming', 'invalidText', 'tooBig', 'internal', 'restart', 'overloaded'] as const)(
    'comes back after a close as %s',
    async (name) => {
      const gateway = await startGateway();
      const sut = connect(gateway);
      await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
      gateway.peers[0]?.close(name);

      await gateway.peer(2);
      await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    },
  );

  it.each([
    ['abuse', 1008],
    ['forbidden', 4003],
    ['disconnected', 4009],
  ] as const)('does not reconnect after a close with %s', async (name, code) => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const events = recordEvents(sut);
    const subscription = sut.subscribe('room', record());
    await subscription.ready;
    gateway.peers[0]?.close(name);
    await vi.waitFor(() => expect(sut.state).toBe('closed'), WAIT);

    expect(events).toEqual(['connected', `closed ${code}`]);
    await expect(sut.publish('room', 'too late')).rejects.toMatchObject({ code: 'closed' });
    expect(() => sut.subscribe('other', record())).toThrow('closed');
    expect(gateway.peers).toHaveLength(1);
  });

  it('reconnects with a new session when another connection has taken over its own', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    gateway.peers[0]?.close('replaced');
    const second = await gateway.peer(2);
    expect(second.session).toBeUndefined();
    await vi.waitFor(() => expect(sut.welcome?.session).toBe('session-2'), WAIT);
    // And keeps the new session.
    second.socket.terminate();
    expect((await gateway.peer(3)).session).toBe('session-2');
  });

  it('does not reconnect if the gateway refuses with a close code before the welcome', async () => {
    const gateway = await startGateway();
    gateway.greet = () => 'forbidden';
    const sut = connect(gateway);
    const events = recordEvents(sut);
    const subscription = sut.subscribe('room', record());

    await expect(subscription.ready).rejects.toMatchObject({ code: 'closed' });
    expect(events).toEqual(['closed 4003']);
  });
});
