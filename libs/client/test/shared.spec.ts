import { describe, expect, it } from 'vitest';
import { record, recordEvents } from './recorder.js';
import { startWorld } from './world.js';

describe('several subscriptions to one channel', () => {
  it('share one at the gateway, until the last one ends', async () => {
    const world = startWorld();
    const sut = world.connect();
    const [a, b] = [record(), record()];
    const first = sut.subscribe('room', a);
    await world.pass(100);
    const second = sut.subscribe('room', b);
    await world.pass(100);
    world.gateway.publish('room', 1);
    await world.pass(100);
    void first.unsubscribe();
    world.gateway.publish('room', 2);
    await world.pass(100);
    void second.unsubscribe();
    await world.pass(100);

    expect([a.log, b.log]).toEqual([['message 1'], ['message 1', 'message 2']]);
    expect(world.peer().received.map(({ event }) => event)).toEqual(['subscribe', 'unsubscribe']);
    await expect(second.ready).resolves.toMatchObject({ channel: 'room', offset: 0 });
  });

  it('give a later one its recent messages from the history, before the live ones', async () => {
    const world = startWorld();
    for (const data of [1, 2, 3]) world.gateway.publish('room', data);
    const sut = world.connect();
    const [a, b, c, d] = [record(), record(), record(), record()];
    sut.subscribe('room', a, { last: 1 });
    // Before there is a connection.
    sut.subscribe('room', b, { last: 2 });
    sut.subscribe('room', c);
    await world.pass(100);
    sut.subscribe('room', d, { since: { epoch: 'e1', offset: 1 } });
    world.gateway.publish('room', 4);
    await world.pass(100);

    expect(a.log).toEqual(['message 3', 'message 4']);
    expect(b.log).toEqual(['message 2', 'message 3', 'message 4']);
    expect(c.log).toEqual(['message 4']);
    expect(d.log).toEqual(['message 2', 'message 3', 'message 4']);
    expect(world.peer().requests('subscribe')).toHaveLength(1);
  });

  it('report to a later one what the history no longer contains', async () => {
    const world = startWorld();
    world.gateway.publish('room', 1);
    world.gateway.trim('room');
    world.gateway.publish('room', 2);
    const sut = world.connect();
    const [a, b, c] = [record(), record(), record()];
    sut.subscribe('room', a);
    await world.pass(100);
    sut.subscribe('room', b, { since: { epoch: 'e1', offset: 0 } });
    sut.subscribe('room', c, { since: { epoch: 'e0', offset: 9 } });
    await world.pass(100);

    expect(b.log).toEqual(['not_recovered e1:1', 'message 2']);
    expect(c.log).toEqual(['not_recovered e1:2']);
  });

  it('turn presence on for all if a later one asks for it', async () => {
    const world = startWorld();
    world.gateway.scripts['subscribe'] = (peer, { presence }) => {
      peer.subscribed.add('room');
      const members = presence ? { members: [{ client: 'me' }], count: 1 } : {};
      return { reply: { channel: 'room', epoch: 'e1', offset: 0, recovered: true, ...members } };
    };
    const sut = world.connect();
    const log: string[] = [];
    const handlers = (name: string) => ({
      ...record(),
      members: () => log.push(`${name} members`),
      join: () => log.push(`${name} join`),
    });
    sut.subscribe('room', handlers('a'));
    await world.pass(100);
    sut.subscribe('room', handlers('b'), { presence: true });
    await world.pass(100);
    sut.subscribe('room', handlers('c'), { presence: true });
    await world.pass(100);
    world.peer().send('join', { channel: 'room', member: { client: 'you' } });
    await world.pass(100);

    expect(log).toEqual(['b members', 'c members', 'b join', 'c join']);
  });

  it('of @me and of the own channel do not silence each other', async () => {
    const world = startWorld();
    world.gateway.greet = (peer) => {
      peer.user = 'ann';
      return {};
    };
    const sut = world.connect();
    const events = recordEvents(sut);
    const [me, ann, late] = [record(), record(), record()];
    sut.subscribe('@me', me);
    const second = sut.subscribe('@ann', ann);
    await world.pass(100);
    const third = sut.subscribe('@me', late);
    world.gateway.publish('@ann', 1);
    await world.pass(100);
    void second.unsubscribe();
    void third.unsubscribe();
    await world.pass(100);
    world.gateway.publish('@ann', 2);
    await world.pass(100);

    expect(me.log).toEqual(['message 1', 'message 2']);
    expect(ann.log).toEqual(['message 1']);
    expect(late.log).toEqual(['message 1']);
    expect(events).toEqual(['connected']);
    expect(world.peer().requests('subscribe')).toHaveLength(1);
  });

  it('all end if the gateway ends it', async () => {
    const world = startWorld();
    const sut = world.connect();
    const [a, b] = [record(), record()];
    sut.subscribe('room', a);
    sut.subscribe('room', b);
    await world.pass(100);
    world.peer().send('unsubscribed', { channel: 'room', code: 'kicked' });
    await world.pass(100);
    expect([a.log, b.log]).toEqual([['unsubscribed kicked'], ['unsubscribed kicked']]);
  });
});

describe('a listener that was added twice', () => {
  it('is removed once by each disposer', async () => {
    const world = startWorld();
    const sut = world.connect();
    let calls = 0;
    const listener = () => (calls += 1);
    const stop = sut.on('state', listener);
    sut.on('state', listener);
    stop();
    stop();
    await world.pass(100);
    expect(calls).toBe(1);
  });
});

describe('a subscription', () => {
  it('ends at the end of a using block, and when its signal is aborted', async () => {
    const world = startWorld();
    const sut = world.connect();
    const controller = new AbortController();
    const app = record();
    {
      using subscription = sut.subscribe('a', app);
      expect(subscription.channel).toBe('a');
    }
    sut.subscribe('b', app, { signal: controller.signal });
    await world.pass(100);
    controller.abort();
    await world.pass(100);
    const late = sut.subscribe('c', app, { signal: controller.signal });
    await expect(late.ready).rejects.toMatchObject({ code: 'closed' });
    await world.pass(100);

    expect([...world.peer().subscribed]).toEqual([]);
    expect(
      world
        .peer()
        .requests('subscribe')
        .map(({ data }) => data.channel),
    ).toEqual(['b']);
  });

  it('is read with for await, and leaving the loop ends it', async () => {
    const world = startWorld();
    const sut = world.connect();
    const read: unknown[] = [];
    const done = (async () => {
      for await (const { data } of sut.subscribe<number>('room')) {
        read.push(data + 1);
        if (data === 3) break;
      }
    })();
    await world.pass(100);
    for (const data of [1, 2, 3, 4]) world.gateway.publish('room', data);
    await world.pass(100);
    await done;

    expect(read).toEqual([2, 3, 4]);
    expect([...world.peer().subscribed]).toEqual([]);
  });

  it('throws a gap to the loop if there is no handler, and the next loop continues', async () => {
    const world = startWorld();
    const sut = world.connect();
    const subscription = sut.subscribe('room');
    await world.pass(100);
    world.gateway.publish('room', 1);
    world.peer().send('gap', { channel: 'room', epoch: 'e1', offset: 4 });
    world.peer().send('message', { channel: 'room', offset: 5, data: 5, time: 0 });
    await world.pass(100);
    const read: unknown[] = [];
    const loop = async () => {
      for await (const { data } of subscription) read.push(data);
    };
    await expect(loop()).rejects.toMatchObject({ code: 'gap' });
    const rest = loop();
    void subscription.unsubscribe();
    await world.pass(100);
    await rest;
    expect(read).toEqual([1, 5]);
  });

  it('throws to the loop if the gateway ends it', async () => {
    const world = startWorld();
    world.gateway.scripts['subscribe'] = () => ({ refuse: 'forbidden' });
    const sut = world.connect();
    sut.on('error', () => {});
    const [outcome] = await Promise.all([
      Promise.allSettled([sut.subscribe('room')[Symbol.asyncIterator]().next()]),
      world.pass(100),
    ]);
    expect(outcome).toMatchObject([{ reason: { code: 'forbidden' } }]);
  });
});

describe('connect: false, connect() and disconnect()', () => {
  it('dials nothing before connect(), and subscriptions outlive disconnect()', async () => {
    const world = startWorld();
    const sut = world.connect({ connect: false });
    const events = recordEvents(sut);
    const app = record();
    sut.subscribe('room', app);
    await world.pass(10_000);
    expect([world.dials, sut.state]).toEqual([0, 'disconnected']);
    sut.connect();
    await world.pass(100);
    world.gateway.publish('room', 1);
    await world.pass(100);
    void sut.disconnect();
    await world.pass(100);
    expect(world.peer().closeCode).toBe(1000);
    world.gateway.publish('room', 2);
    const publish = sut.publish('room', 3);
    await world.pass(60_000);
    expect(world.dials).toBe(1);
    sut.connect();
    sut.connect();
    await world.pass(1_000);

    await expect(publish).resolves.toMatchObject({ offset: 3 });
    expect(app.log).toEqual(['message 1', 'message 2', 'message 3']);
    expect(events).toEqual(['connected', 'disconnected 1000', 'connected']);
    expect(world.peer().session).toBe('session-1');
  });

  it('disconnect() during the first attempt stops it', async () => {
    const world = startWorld();
    const sut = world.connect();
    await world.pass(0);
    void sut.disconnect();
    await world.pass(60_000);
    expect([world.dials, sut.state]).toEqual([1, 'disconnected']);
  });
});
