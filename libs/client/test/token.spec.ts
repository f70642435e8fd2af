import { describe, expect, it, vi } from 'vitest';
import { WAIT } from './fake-gateway.js';
import { record, recordEvents } from './recorder.js';
import { connect, startGateway } from './setup.js';
import { Stopwatch } from '../../broadcast/src/testing/stopwatch.js';
import { startWorld } from './world.js';

describe('token', () => {
  it('is sent as a subprotocol, never in the URL', async () => {
    const gateway = await startGateway();
    connect(gateway, { token: 'a.b-c_d' });
    const peer = await gateway.peer(1);

    expect(peer.protocols).toEqual(['holdfast.v1.json', 'bearer.a.b-c_d']);
    expect(peer.url).toBe('/ws');
  });

  it('is sent in the connect event if it is not valid in a subprotocol', async () => {
    const gateway = await startGateway();
    gateway.greet = () => undefined;
    const sut = connect(gateway, { token: 'a/b=' });
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);

    expect(gateway.peers[0]?.protocols).toEqual(['holdfast.v1.json', 'connect']);
    expect(gateway.peers[0]?.requests('connect')[0]?.data).toEqual({ token: 'a/b=' });
    gateway.peers[0]?.socket.terminate();
    const second = await gateway.peer(2);
    await vi.waitFor(
      () => expect(second.requests('connect')[0]?.data).toEqual({ token: 'a/b=', session: 'session-1' }),
      WAIT,
    );
  });

  it('is requested before every connection', async () => {
    const gateway = await startGateway();
    let asked = 0;
    const sut = connect(gateway, { token: async () => `token-${++asked}` });
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    gateway.peers[0]?.socket.terminate();
    const second = await gateway.peer(2);

    expect(second.protocols).toContain('bearer.token-2');
  });

  it('is requested again when the callback fails, and the error is reported', async () => {
    const gateway = await startGateway();
    let asked = 0;
    const sut = connect(gateway, {
      token: () => {
        if (++asked < 3) throw new Error('the backend is unavailable');
        return 'good';
      },
    });
    const events = recordEvents(sut);

    await vi.waitFor(() => expect(events).toEqual(['error token_failed', 'error token_failed', 'connected']), WAIT);
  });

  it('that arrives after the client was closed is not used', async () => {
    const gateway = await startGateway();
    const callbacks: PromiseWithResolvers<string>[] = [];
    const clients = [1, 2].map(() =>
      connect(gateway, {
        token: () => {
          const callback = Promise.withResolvers<string>();
          callbacks.push(callback);
          return callback.promise;
        },
      }),
    );
    const events = clients.map(recordEvents);
    await vi.waitFor(() => expect(callbacks).toHaveLength(2), WAIT);
    await Promise.all(clients.map((client) => client.close()));
    callbacks[0]?.resolve('late');
    callbacks[1]?.reject(new Error('too late'));
    await expect(connect(gateway).presence('room')).resolves.toEqual({ members: [], count: 0 });

    expect(gateway.peers).toHaveLength(1);
    expect(events).toEqual([['closed 1000'], ['closed 1000']]);
  });

  it('is requested again after 4001, and a refused one is not used twice', async () => {
    const gateway = await startGateway();
    gateway.greet = ({ protocols }) => (protocols.includes('bearer.good') ? {} : 'unauthorized');
    const tokens = ['old', 'old', 'old', 'good'];
    const sut = connect(gateway, { token: () => tokens.shift() ?? 'good' });
    const events = recordEvents(sut);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);

    expect(gateway.peers.map(({ protocols }) => protocols[1])).toEqual(['bearer.old', 'bearer.good']);
    expect(events.filter((event) => event === 'error unauthorized')).toHaveLength(3);
  });

  it('that cannot change stops the client if it is refused', async () => {
    const gateway = await startGateway();
    gateway.greet = () => 'unauthorized';
    const sut = connect(gateway, { token: 'bad' });
    const events = recordEvents(sut);
    await vi.waitFor(() => expect(events).toEqual(['closed 4001']), WAIT);

    expect(gateway.peers).toHaveLength(1);
  });

  it('that is missing stops the client if the gateway requires one', async () => {
    const gateway = await startGateway();
    gateway.greet = () => undefined;
    const sut = connect(gateway);
    const events = recordEvents(sut);
    (await gateway.peer(1)).close('unauthorized');
    await vi.waitFor(() => expect(events).toEqual(['closed 4001']), WAIT);
    expect(sut.state).toBe('closed');
  });

  it('is renewed before it expires', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ expires: 6_000 });
    gateway.scripts['refresh'] = () => ({ reply: { expires: 6_000 } });
    let asked = 0;
    const sut = connect(gateway, { token: () => `token-${++asked}` });
    const peer = await gateway.peer(1);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    const start = new Stopwatch();
    await vi.waitFor(() => expect(peer.requests('refresh')).toHaveLength(1), WAIT);

    // At least 5 s before the end, so after one second.
    expect(start.elapsed).toBeLessThan(1_100);
    expect(peer.requests('refresh')[0]?.data).toEqual({ token: 'token-2' });
    await vi.waitFor(() => expect(peer.requests('refresh')[1]?.data).toEqual({ token: 'token-3' }), WAIT);
  });

  it('is renewed after 80 % of a long lifetime', async () => {
    const world = startWorld();
    world.gateway.greet = () => ({ expires: 100_000 });
    world.connect({ token: () => 'token' });
    await world.pass(79_000);
    expect(world.peer().requests('refresh')).toHaveLength(0);
    await world.pass(2_000);

    expect(world.peer().requests('refresh')).toHaveLength(1);
  });

  it('that is refused at a renewal is not used again', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ expires: 5_500 });
    gateway.scripts['refresh'] = (_, { token }) => (token === 'good' ? { reply: {} } : { refuse: 'unauthorized' });
    const tokens = ['first', 'revoked', 'revoked', 'good'];
    connect(gateway, { token: () => tokens.shift() ?? 'none' });
    const peer = await gateway.peer(1);
    await vi.waitFor(() => expect(tokens).toEqual([]), WAIT);
    await vi.waitFor(() => expect(peer.requests('refresh')).toHaveLength(2), WAIT);

    expect(peer.requests('refresh').map(({ data }) => data['token'])).toEqual(['revoked', 'good']);
  });

  it('is renewed again after a failure', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ expires: 5_500 });
    let isRefused = true;
    gateway.scripts['refresh'] = () => {
      const outcome = isRefused ? ({ refuse: 'unavailable' } as const) : ({ reply: {} } as const);
      isRefused = false;
      return outcome;
    };
    const sut = connect(gateway, { token: () => 'token' });
    const events = recordEvents(sut);
    const peer = await gateway.peer(1);
    await vi.waitFor(() => expect(peer.requests('refresh')).toHaveLength(2), WAIT);

    expect(events).toEqual(['connected', 'error unavailable']);
  });
});

describe('subscription token', () => {
  it('is requested once and sent with every subscribe', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const token = vi.fn<(channel: string) => Promise<string>>(async (channel) => `for-${channel}`);
    await sut.subscribe('room', record(), { token }).ready;
    gateway.peers[0]?.socket.terminate();
    const second = await gateway.peer(2);
    await vi.waitFor(() => expect(second.requests('subscribe')[0]?.data['token']).toBe('for-room'), WAIT);

    expect(token).toHaveBeenCalledTimes(1);
  });

  it('is requested once more if the gateway refuses it', async () => {
    const gateway = await startGateway();
    gateway.scripts['subscribe'] = (_, data) => (data['token'] === 'good' ? 'default' : { refuse: 'forbidden' });
    const sut = connect(gateway);
    const tokens = ['old', 'good', 'bad', 'worse', 'good'];
    const token = () => tokens.shift() ?? 'none';
    await sut.subscribe('room', record(), { token }).ready;
    const app = record();

    await expect(sut.subscribe('other', app, { token }).ready).rejects.toMatchObject({ code: 'forbidden' });
    expect(app.log).toEqual(['error forbidden']);
    expect(tokens).toEqual(['good']);
  });

  it('that expired is replaced, and the subscription continues from its position', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    let asked = 0;
    await sut.subscribe('room', app, { token: () => `token-${++asked}` }).ready;
    gateway.publish('room', 'a');
    const [peer] = gateway.peers;
    peer?.send('unsubscribed', { channel: 'room', code: 'token_expired' });
    peer?.subscribed.delete('room');
    gateway.publish('room', 'b');

    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'message 2']), WAIT);
    expect(peer?.requests('subscribe')[1]?.data).toEqual({
      channel: 'room',
      since: { epoch: 'e1', offset: 1 },
      token: 'token-2',
    });
  });

  it('is not needed if a permission without a token ended: the gateway decides again', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    gateway.publish('room', 'a');
    const [peer] = gateway.peers;
    const end = (): void => {
      peer?.send('unsubscribed', { channel: 'room', code: 'token_expired' });
      peer?.subscribed.delete('room');
    };
    end();
    gateway.publish('room', 'b');
    await vi.waitFor(() => expect(app.log).toEqual(['message 1', 'message 2']), WAIT);

    gateway.scripts['subscribe'] = () => ({ refuse: 'forbidden' });
    end();
    await vi.waitFor(() => expect(app.log.at(-1)).toBe('error forbidden'), WAIT);
  });

  it('is requested again when the callback fails', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const events = recordEvents(sut);
    let asked = 0;
    const token = async () => {
      if (++asked === 1) throw new Error('the backend is unavailable');
      return 'good';
    };
    await sut.subscribe('room', record(), { token }).ready;

    expect(events).toEqual(['connected', 'error token_failed']);
  });
});
