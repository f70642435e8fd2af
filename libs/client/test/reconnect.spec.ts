import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WAIT } from './fake-gateway.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';

describe('reconnect', () => {
  it('resumes where the application is, under the same session', async () => {
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

  it('tells of what could not be replayed before anything newer', async () => {
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

  it('tells of a new epoch and goes on in it', async () => {
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

  it('waits longer with every attempt, and little again after a stable connection', async () => {
    const gateway = await startGateway();
    let skew = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + skew);
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    const timeouts = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const delays = () =>
      timeouts.mock.calls.map(([, delay]) => Math.ceil(delay ?? 0)).filter((delay) => [7, 14, 28, 30].includes(delay));

    gateway.refuseUpgrades = 503;
    const sut = connect(gateway, { backoff: { base: 7, max: 30 } });
    await vi.waitFor(() => expect(delays()).toEqual([7, 14, 28, 30]), WAIT);
    gateway.refuseUpgrades = undefined;
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    gateway.peers[0]?.socket.terminate();
    await gateway.peer(2);
    expect(delays().at(-1)).toBe(30);

    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    skew = 60_000;
    gateway.peers[1]?.socket.terminate();
    await gateway.peer(3);
    expect(delays().at(-1)).toBe(7);
  });

  it('does not wait for a welcome for ever', async () => {
    const gateway = await startGateway();
    gateway.greet = ({ node }) => (node === 'pod-1' ? undefined : {});
    const sut = connect(gateway, { timeout: 50 });

    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    expect(sut.welcome?.node).toBe('pod-2');
  });

  it('notices a half-open connection: a ping after silence, and no sign of life after it', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ ping: 40 });
    const sut = connect(gateway, { timeout: 60 });
    const events = recordEvents(sut);
    const app = record();
    await sut.subscribe('room', app).ready;
    const first = await gateway.peer(1);
    await vi.waitFor(() => expect(first.requests('ping').length).toBeGreaterThan(1), WAIT);
    expect(events).toEqual(['connected']);

    first.isMute = true;
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);
    expect(events).toEqual(['connected', 'reconnecting 1006', 'connected']);
  });

  it('pings only where the gateway is silent', async () => {
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

  it.each(['goingAway', 'internal', 'restart', 'overloaded'] as const)(
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
    ['normal', 1000],
    ['abuse', 1008],
    ['tooBig', 1009],
    ['forbidden', 4003],
    ['disconnected', 4009],
  ] as const)('stays away after a close as %s', async (name, code) => {
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

  it('comes back under a new session when another connection has taken over its own', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    gateway.peers[0]?.close('replaced');
    const second = await gateway.peer(2);
    expect(second.session).toBeUndefined();
    await vi.waitFor(() => expect(sut.welcome?.session).toBe('session-2'), WAIT);
    // And keeps that one.
    second.socket.terminate();
    expect((await gateway.peer(3)).session).toBe('session-2');
  });

  it('stays away where the gateway refuses by code before it welcomes', async () => {
    const gateway = await startGateway();
    gateway.greet = () => 'forbidden';
    const sut = connect(gateway);
    const events = recordEvents(sut);
    const subscription = sut.subscribe('room', record());

    await expect(subscription.ready).rejects.toMatchObject({ code: 'closed' });
    expect(events).toEqual(['closed 4003']);
  });
});
