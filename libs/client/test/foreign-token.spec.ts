import { describe, expect, it } from 'vitest';
import { Holdfast } from '../src/client.js';
import { HoldfastError } from '../src/errors.js';
import { record, recordEvents } from './recorder.js';
import { startWorld } from './world.js';

describe('a token of any form', () => {
  it.each(['q83vEjRWeJA=', 'aGVsbG8/d29ybGQ+', 'sess:42', 'a token', '{"t":1}'])(
    '%s is sent in connect, and nobody is connected before its reply',
    async (token) => {
      const world = startWorld();
      // As a gateway of the last release: it welcomes everybody who offers no bearer, and then refuses `connect`.
      world.gateway.scripts['connect'] = () => ({ refuse: 'already_connected' });
      const sut = world.connect({ token: () => token });
      const events = recordEvents(sut);
      await world.pass(200);
      expect(events).not.toContain('connected');
      expect(events[0]).toBe('connecting 1006');

      // This one waits for it.
      world.gateway.greet = (peer) => (peer.protocols.includes('connect') ? undefined : {});
      delete world.gateway.scripts['connect'];
      await world.pass(30_000);
      expect(sut.state).toBe('connected');
      expect(world.peer().token).toBe(token);
    },
  );

  it('is refused with the reason', async () => {
    const world = startWorld();
    world.gateway.greet = () => undefined;
    world.gateway.scripts['connect'] = (_, { token }) => (token === 'a b' ? 'default' : { refuse: 'unauthorized' });
    const tokens = ['x y', 'a b'];
    const sut = world.connect({ token: () => tokens.shift() ?? 'a b' });
    const events = recordEvents(sut);
    await world.pass(2_000);

    expect(events).toEqual(['error unauthorized', 'connecting 4001', 'connected']);
  });
});

describe('what is not a token', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['', 'an empty string'],
    [{ token: 'x' }, 'object'],
    ['\n<!doctype html><p>Please sign in', 'an HTML page'],
    ['x'.repeat(8_001), 'more than 8000 characters'],
  ])('%j is reported as it is, and never connects', async (value, text) => {
    const world = startWorld();
    const sut = world.connect({ token: () => value as string });
    const errors: HoldfastError[] = [];
    sut.on('error', (error) => errors.push(error));
    await world.pass(3_000);

    expect(world.dials).toBe(0);
    expect(errors.length).toBeGreaterThan(1);
    expect(errors[0]).toMatchObject({ code: 'token_failed', retryable: true });
    expect(errors[0]?.message).toContain(`returned ${text}`);
  });

  it.each([[null], [''], [7], [{}]])('%j is refused where it is given', (token) => {
    expect(() => new Holdfast('ws://gateway.test/ws', { token: token as never, WebSocket: WebSocket })).toThrow(
      TypeError,
    );
  });
});

describe('a token callback', () => {
  it('that never settles is given up after the timeout, reported, and called again', async () => {
    const world = startWorld();
    let asked = 0;
    const sut = world.connect({ timeout: 1_000, token: () => (++asked === 1 ? new Promise(() => {}) : 'token') });
    const events = recordEvents(sut);
    await world.pass(3_000);

    expect(events).toEqual(['error token_failed', 'connected']);
  });

  it('that never settles at a refresh, or for a subscription, is given up as well', async () => {
    const world = startWorld();
    world.gateway.greet = () => ({ expires: 10_000 });
    let asked = 0;
    const sut = world.connect({ timeout: 1_000, token: () => (++asked === 2 ? new Promise(() => {}) : 'token') });
    const events = recordEvents(sut);
    let forRoom = 0;
    const subscription = sut.subscribe('room', record(), {
      token: () => (++forRoom === 1 ? new Promise(() => {}) : 'for-room'),
    });
    await world.pass(9_000);

    await expect(subscription.ready).resolves.toMatchObject({ channel: 'room' });
    expect(events).toEqual(['connected', 'error token_failed', 'error token_failed']);
    expect(world.peer().requests('refresh')).toHaveLength(1);
  });

  it('stops the client if nobody is signed in, until connect()', async () => {
    const world = startWorld();
    let isSignedIn = false;
    const token = () => {
      if (!isSignedIn) throw new HoldfastError('unauthorized', 'nobody is signed in');
      return 'token';
    };
    const sut = world.connect({ token });
    const events = recordEvents(sut);
    const app = record();
    sut.subscribe('room', app);
    await world.pass(600_000);
    expect(events).toEqual(['disconnected 4001']);
    expect(world.dials).toBe(0);

    isSignedIn = true;
    sut.connect();
    await world.pass(100);
    world.gateway.publish('room', 'a');
    await world.pass(100);
    expect(events).toEqual(['disconnected 4001', 'connected']);
    expect(app.log).toEqual(['message 1']);
  });
});

/** Lets everybody be the user that the token names. */
function asUser(world: ReturnType<typeof startWorld>): void {
  world.gateway.greet = (peer) => {
    peer.user = peer.token;
    return {};
  };
}

describe('setToken', () => {
  it('signs in on an open page: nothing that is queued or subscribed is lost', async () => {
    const world = startWorld();
    asUser(world);
    const app = record();
    const sut = world.connect();
    const events = recordEvents(sut);
    sut.subscribe('room', app);
    await world.pass(100);
    sut.setToken('ann');
    const publish = sut.publish('room', 'typed while signing in');
    await world.pass(1_000);

    await expect(publish).resolves.toEqual({ epoch: 'e1', offset: 1 });
    expect(sut.welcome?.user).toBe('ann');
    expect(app.log).toEqual(['message 1']);
    expect(events).toEqual(['connected', 'moved pod-1 pod-2']);
  });

  it('leaves at once if another user signs in, and @me follows', async () => {
    const world = startWorld();
    asUser(world);
    const app = record();
    const sut = world.connect({ token: 'ann' });
    sut.subscribe('@me', app);
    await world.pass(100);
    world.gateway.publish('@ann', 'for ann');
    await world.pass(100);
    sut.setToken('bob');
    expect(sut.state).toBe('reconnecting');
    await world.pass(1_000);
    world.gateway.publish('@ann', 'not for bob');
    world.gateway.publish('@bob', 'for bob');
    await world.pass(100);

    expect(app.messages.map(({ data }) => data)).toEqual(['for ann', 'for bob']);
    expect(world.peer(1).closeCode).toBe(1000);
  });

  it('does not repeat as another publisher what may be stored', async () => {
    const world = startWorld();
    asUser(world);
    world.gateway.scripts['publish'] = (peer, { channel, data }) => {
      if (peer.user === 'bob') return 'default';
      world.gateway.publish(channel, data ?? null);
      return 'silence';
    };
    const sut = world.connect({ token: 'ann' });
    await world.pass(100);
    const outcome = Promise.allSettled([sut.publish('room', 'by ann')]);
    await world.pass(10);
    sut.setToken('bob');
    await world.pass(5_000);

    expect(await outcome).toMatchObject([{ reason: { code: 'unknown' } }]);
    expect(world.gateway.stream('room').messages).toHaveLength(1);
  });
});
