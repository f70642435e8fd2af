import { describe, expect, it, vi } from 'vitest';
import { WebSocket as Ws } from 'ws';
import { Holdfast } from '../src/client.js';
import { WAIT } from './fake-gateway.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';
import { Stopwatch } from '../../broadcast/src/testing/stopwatch.js';

describe('close', () => {
  it('waits for outstanding replies, rejects the rest and ends with 1000', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const events = recordEvents(sut);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    const [peer] = gateway.peers;
    gateway.scripts['publish'] = () => 'silence';
    const publishes = Promise.allSettled([sut.publish('room', 1), sut.publish('room', 2)]);
    await vi.waitFor(() => expect(peer?.requests('publish')).toHaveLength(2), WAIT);
    const closed = sut.close();
    await expect(sut.publish('room', 3)).rejects.toMatchObject({ code: 'closed' });
    await expect(sut.presence('room')).rejects.toMatchObject({ code: 'closed' });
    peer?.answer(peer.requests('publish')[0]?.id ?? 0, { reply: { epoch: 'e1', offset: 1 } });
    await closed;

    expect(await publishes).toMatchObject([{ value: { offset: 1 } }, { reason: { code: 'closed' } }]);
    await vi.waitFor(() => expect(peer?.closeCode).toBe(1000), WAIT);
    expect(events).toEqual(['connected', 'closed 1000']);
    expect(sut.close()).toBe(sut.close());
  });

  it('waits for replies for a limited time', async () => {
    const gateway = await startGateway();
    gateway.scripts['publish'] = () => 'silence';
    const sut = connect(gateway, { timeout: 10_000 });
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    const publish = sut.publish('room', 1);
    const outcome = Promise.allSettled([publish]);
    const start = new Stopwatch();
    await sut.close();

    expect(await outcome).toMatchObject([{ reason: { code: 'closed' } }]);
    expect(start.elapsed).toBeLessThan(3_500);
  });

  it('delivers nothing afterwards', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    const subscription = sut.subscribe('room', app);
    await subscription.ready;
    const closed = sut.close();
    gateway.publish('room', 'too late');
    await closed;

    expect(app.log).toEqual([]);
  });

  it('works before there is a connection', async () => {
    const gateway = await startGateway();
    gateway.refuseUpgrades = 503;
    const sut = connect(gateway);
    const subscription = sut.subscribe('room', record());
    const outcomes = Promise.allSettled([sut.publish('room', 1), subscription.ready]);
    await sut.close();

    expect(await outcomes).toMatchObject([{ reason: { code: 'closed' } }, { reason: { code: 'closed' } }]);
  });
});

describe('the constructor', () => {
  it('accepts another WebSocket, and http URLs', async () => {
    const gateway = await startGateway();
    const sut = connect({ url: gateway.url.replace('ws:', 'http:') }, { WebSocket: Ws });
    const app = record();
    await sut.subscribe('room', app).ready;
    gateway.publish('room', 'a');

    await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);
    gateway.peers[0]?.socket.terminate();
    await gateway.peer(2);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
  });

  it('refuses an invalid URL', () => {
    expect(() => new Holdfast('not a url')).toThrow(TypeError);
  });
});
