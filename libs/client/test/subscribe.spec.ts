import type { Members } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WAIT } from './fake-gateway.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';
import { startWorld } from './world.js';

const member = (client: string) => ({ client });

describe('subscribe', () => {
  it('delivers recent messages and then live ones', async () => {
    const gateway = await startGateway();
    for (const data of ['a', 'b', 'c']) gateway.publish('room', data);
    const sut = connect(gateway);
    const app = record();
    const subscription = sut.subscribe('room', app, { last: 2 });
    await expect(subscription.ready).resolves.toMatchObject({ channel: 'room', epoch: 'e1', offset: 3, replay: 2 });
    gateway.publish('room', 'd');

    await vi.waitFor(() => expect(app.messages.map(({ data }) => data)).toEqual(['b', 'c', 'd']), WAIT);
    expect(subscription.position).toEqual({ epoch: 'e1', offset: 4 });
    expect(app.log).toEqual(['message 2', 'message 3', 'message 4']);
  });

  it('begins after a position stored by the application', async () => {
    const gateway = await startGateway();
    for (const data of ['a', 'b', 'c']) gateway.publish('room', data);
    const sut = connect(gateway);
    const app = record();
    sut.subscribe('room', app, { since: { epoch: 'e1', offset: 1 } });
    const late = record();
    sut.subscribe('other', late, { since: { epoch: 'e0', offset: 7 } });

    await vi.waitFor(() => expect(app.log).toEqual(['message 2', 'message 3']), WAIT);
    await vi.waitFor(() => expect(late.log).toEqual(['not_recovered e1:0']), WAIT);
  });

  it('reports a gap before the messages that follow it', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    const subscription = sut.subscribe('room', app);
    await subscription.ready;
    gateway.publish('room', 'a');
    const [peer] = gateway.peers;
    peer?.send('gap', { channel: 'room', epoch: 'e2', offset: 7 });
    peer?.send('message', { channel: 'room', offset: 8, data: 'b', time: 0 });

    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'gap e2:7', 'message 8']), WAIT);
    expect(subscription.position).toEqual({ epoch: 'e2', offset: 8 });
  });

  it('reports an offset that was skipped without a gap, and drops a duplicate', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    const [peer] = gateway.peers;
    for (const offset of [1, 1, 4, 2, 5]) peer?.send('message', { channel: 'room', offset, data: null, time: 0 });

    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'gap e1:3', 'message 4', 'message 5']), WAIT);
  });

  it('allows skipped offsets if the namespace conflates', async () => {
    const gateway = await startGateway();
    gateway.scripts['subscribe'] = () => ({ reply: { channel: 'room', epoch: 'e1', offset: 0, conflated: true } });
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    const [peer] = gateway.peers;
    for (const offset of [1, 4, 3]) peer?.send('message', { channel: 'room', offset, data: null, time: 0 });

    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'message 4']), WAIT);
  });

  it('follows @me, whose frames carry the real name', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    const subscription = sut.subscribe('@me', app);
    await expect(subscription.ready).resolves.toMatchObject({ channel: '@alice' });
    gateway.publish('@alice', 'for you');

    await vi.waitFor(() => expect(app.messages).toMatchObject([{ channel: '@alice', data: 'for you' }]), WAIT);
    expect(subscription.channel).toBe('@me');
  });

  it('reports members, joins and leaves', async () => {
    const gateway = await startGateway();
    gateway.scripts['subscribe'] = () => ({
      reply: { channel: 'room', epoch: 'e1', offset: 0, recovered: true, members: [member('a')], count: 1 },
    });
    const sut = connect(gateway);
    const log: unknown[] = [];
    const handlers = {
      ...record(),
      members: ({ members, count }: Members) => log.push([members.map(({ client }) => client), count]),
      join: ({ client }: { client: string }) => log.push(`join ${client}`),
      leave: ({ client }: { client: string }) => log.push(`leave ${client}`),
    };
    await sut.subscribe('room', handlers, { presence: true }).ready;
    const [peer] = gateway.peers;
    peer?.send('join', { channel: 'room', member: member('b') });
    peer?.send('leave', { channel: 'room', member: member('a') });
    peer?.send('members', { channel: 'room', members: [member('b'), member('c')], count: 2 });
    await vi.waitFor(() => expect(log).toEqual([[['a'], 1], 'join b', 'leave a', [['b', 'c'], 2]]), WAIT);
    expect(peer?.requests('subscribe')[0]?.data).toEqual({ channel: 'room', presence: true });

    peer?.socket.terminate();
    await vi.waitFor(() => expect(log.at(-1)).toEqual([['a'], 1]), WAIT);
  });

  it('is retried after retryable errors', async () => {
    const gateway = await startGateway();
    let attempts = 0;
    gateway.scripts['subscribe'] = () => (++attempts < 3 ? { refuse: 'unavailable' } : 'default');
    const sut = connect(gateway);
    const events = recordEvents(sut);
    await sut.subscribe('room', record()).ready;

    expect(attempts).toBe(3);
    expect(events).toEqual(['connected', 'error unavailable', 'error unavailable']);
  });

  it('is retried after a timeout, with an unsubscribe first', async () => {
    const world = startWorld();
    let attempts = 0;
    world.gateway.scripts['subscribe'] = (peer) => {
      if (++attempts > 1) return 'default';
      // Carried out, but the reply is lost.
      peer.subscribed.add('room');
      return 'silence';
    };
    const sut = world.connect({ timeout: 400 });
    const app = record();
    sut.subscribe('room', app);
    await world.pass(2_000);
    world.gateway.publish('room', 'a');
    await world.pass(100);

    expect(app.log).toEqual(['message 1']);
    expect(world.peer(1).received.map(({ event }) => event)).toEqual(['subscribe', 'unsubscribe', 'subscribe']);
  });

  it('ends if it is refused, and reports to the client if there is no error handler', async () => {
    const gateway = await startGateway();
    gateway.scripts['subscribe'] = () => ({ refuse: 'forbidden' });
    const sut = connect(gateway);
    const events = recordEvents(sut);
    const handlers = { message: () => {}, gap: () => {} };
    const subscription = sut.subscribe('room', handlers);
    await expect(subscription.ready).rejects.toMatchObject({ code: 'forbidden', retryable: false });
    expect(events).toEqual(['connected', 'error forbidden']);

    delete gateway.scripts['subscribe'];
    await expect(sut.subscribe('room', handlers).ready).resolves.toMatchObject({ channel: 'room' });
  });

  it('ends when the gateway ends it', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    gateway.peers[0]?.send('unsubscribed', { channel: 'room', code: 'kicked' });
    gateway.publish('room', 'not for you');
    await vi.waitFor(() => expect(app.log).toEqual(['unsubscribed kicked']), WAIT);

    gateway.peers[0]?.socket.terminate();
    const second = await gateway.peer(2);
    await sut.history('room');
    expect(second.requests('subscribe')).toEqual([]);
    expect(app.log).toEqual(['unsubscribed kicked']);
  });

  it('delivers nothing after unsubscribe, and can begin again', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const [before, after] = [record(), record()];
    const subscription = sut.subscribe('room', before);
    await subscription.ready;
    const unsubscribed = subscription.unsubscribe();
    const again = sut.subscribe('room', after);
    gateway.publish('room', 'a');
    await unsubscribed;
    await again.ready;
    gateway.publish('room', 'b');

    await vi.waitFor(() => expect(after.messages.at(-1)).toMatchObject({ data: 'b' }), WAIT);
    expect(before.log).toEqual([]);
  });

  it('can be ended in the gap handler', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    const subscription = sut.subscribe(
      'room',
      {
        ...app,
        gap: (position, reason) => {
          app.gap(position, reason);
          void subscription.unsubscribe();
        },
        subscribed: () => app.log.push('subscribed'),
      },
      { since: { epoch: 'e0', offset: 1 } },
    );
    const peer = await gateway.peer(1);
    await vi.waitFor(() => expect(peer.requests('unsubscribe')).toHaveLength(1), WAIT);
    await sut.history('room');

    expect(app.log).toEqual(['not_recovered e1:0']);
    expect(peer.subscribed.has('room')).toBe(false);
  });

  it('can be ended before the reply', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    const subscription = sut.subscribe('room', record());
    await subscription.unsubscribe();

    await expect(subscription.ready).rejects.toMatchObject({ code: 'closed' });
    expect(gateway.peers[0]?.subscribed.has('room')).toBe(false);
  });

  it('survives handlers that throw', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const uncaught: unknown[] = [];
    const listeners = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error.message));
    const app = record();
    const subscription = sut.subscribe('room', {
      ...app,
      message: (message) => {
        app.message(message);
        throw new Error(`cannot show ${message.offset}`);
      },
    });
    await subscription.ready;
    gateway.publish('room', 'a');
    gateway.publish('room', 'b');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'message 2']), WAIT);
    await vi.waitFor(() => expect(uncaught).toEqual(['cannot show 1', 'cannot show 2']), WAIT);
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);

    expect(subscription.position).toEqual({ epoch: 'e1', offset: 2 });
  });
});
