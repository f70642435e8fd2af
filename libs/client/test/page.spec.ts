import { describe, expect, it } from 'vitest';
import { record, recordEvents } from './recorder.js';
import { startWorld } from './world.js';

describe('a page', () => {
  it('is back within 1 s of online, however long the outage was', async () => {
    const world = startWorld('visible');
    const sut = world.connect();
    await world.pass(100);
    world.isOffline = true;
    await world.pass(300_000);
    expect(sut.state).toBe('reconnecting');
    world.isOffline = false;
    world.page.fire('online');
    await world.pass(1_000);

    expect(sut.state).toBe('connected');
  });

  it('replaces an attempt that began while the network was away', async () => {
    const world = startWorld('visible');
    const sut = world.connect();
    await world.pass(0);
    world.cutSilently();
    await world.pass(5_000);
    expect(sut.state).toBe('connecting');
    world.page.fire('online');
    world.page.fire('online');
    await world.pass(1_000);

    expect(sut.state).toBe('connected');
    expect(world.dials).toBe(2);
  });

  it('leaves with 1000 when it is hidden in the back/forward cache, and resumes when it is shown', async () => {
    const world = startWorld('visible');
    const app = record();
    const sut = world.connect();
    const events = recordEvents(sut);
    sut.subscribe('room', app);
    await world.pass(100);
    world.page.fire('pagehide');
    await world.pass(60_000);
    expect(world.peer().closeCode).toBe(1000);
    world.page.fire('online');
    await world.pass(1_000);
    expect(world.dials).toBe(1);
    world.gateway.publish('room', 'meanwhile');
    world.page.fire('pageshow');
    await world.pass(1_000);

    expect(app.log).toEqual(['message 1']);
    expect(events).toEqual(['connected', 'reconnecting 1000', 'connected']);
    expect(world.peer(2).session).toBe('session-1');
  });

  it('that is closed no longer listens', async () => {
    const world = startWorld('visible');
    const sut = world.connect();
    await world.pass(100);
    const closed = sut.close();
    await world.pass(5_000);
    await closed;
    for (const event of ['online', 'pagehide', 'pageshow'] as const) world.page.fire(event);
    await world.pass(1_000);

    expect(world.dials).toBe(1);
    expect(sut.state).toBe('closed');
  });
});

describe('reconnect()', () => {
  it('opens another connection at once, with a new token, and then closes the old one', async () => {
    const world = startWorld();
    let asked = 0;
    const app = record();
    const sut = world.connect({ token: () => `token-${++asked}` });
    const events = recordEvents(sut);
    sut.subscribe('room', app);
    await world.pass(100);
    sut.reconnect();
    await world.pass(100);
    world.gateway.publish('room', 'a');
    await world.pass(100);

    expect(events).toEqual(['connected', 'moved pod-1 pod-2']);
    expect(world.peer(2).token).toBe('token-2');
    expect(world.peer(1).closeCode).toBe(1000);
    expect(app.log).toEqual(['message 1']);
  });

  it('does not wait for the back-off', async () => {
    const world = startWorld();
    world.gateway.refuseUpgrades = 503;
    const sut = world.connect();
    await world.pass(120_000);
    world.gateway.refuseUpgrades = undefined;
    sut.reconnect();
    await world.pass(100);

    expect(sut.state).toBe('connected');
  });
});

describe('the close code', () => {
  it('is 1000 only if the application closed: a connection that is given up has another', async () => {
    const world = startWorld();
    const sut = world.connect({ timeout: 3_000 });
    const silent = world.sockets;
    await world.pass(100);
    const codes = new Map([...silent].map((socket) => ['fell silent', socket]));
    world.peer().isMute = true;
    await world.pass(20_000);
    world.peer().socket.send('<html>');
    const [second] = world.sockets;
    await world.pass(20_000);
    world.gateway.greet = () => undefined;
    world.peer().socket.terminate();
    await world.pass(3_000);
    const [third] = world.sockets;
    await world.pass(5_000);

    expect(codes.get('fell silent')?.closeCodes).toEqual([4000]);
    expect(second?.closeCodes).toEqual([4000]);
    expect(third?.closeCodes).toEqual([4000]);
    world.gateway.greet = () => ({});
    await world.pass(30_000);
    const [last] = world.sockets;
    const closed = sut.close();
    await world.pass(5_000);
    await closed;
    expect(last?.closeCodes).toEqual([1000]);
  });

  it('does not matter for a failed dial: an error without a close is enough, as in Node 22', async () => {
    const world = startWorld();
    world.failsBy = 'error';
    world.gateway.refuseUpgrades = 503;
    const sut = world.connect();
    const events = recordEvents(sut);
    await world.pass(200);
    expect(events).toEqual(['connecting 1006']);
    await world.pass(5_000);
    expect(world.dials).toBeGreaterThan(3);
  });
});
