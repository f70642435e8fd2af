import { describe, expect, it } from 'vitest';
import type { Script } from './fake-gateway.js';
import { startWorld, type World } from './world.js';

/** Answers calls of `order` as the test says. */
function startWithOrders(script: Script): World {
  const world = startWorld();
  world.gateway.scripts['order'] = script;
  return world;
}

/** What a promise has settled to so far. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown; code?: string; retryable?: boolean } {
  const outcome = {};
  promise.then(
    (value: unknown) => Object.assign(outcome, { value }),
    ({ code, retryable }: { code: string; retryable: boolean }) => Object.assign(outcome, { code, retryable }),
  );
  return outcome;
}

describe('call', () => {
  it('resolves to what the handler returns, and sends no data if there is none', async () => {
    const world = startWithOrders((_, data) => ({ reply: { got: data ?? 'nothing' } }));
    const sut = world.connect();
    const outcomes = [sut.call('order', { item: 'tea' }), sut.call('order')].map(outcomeOf);
    await world.pass(100);

    expect(outcomes).toEqual([{ value: { got: { item: 'tea' } } }, { value: { got: 'nothing' } }]);
    expect(world.peer().requests('order')[1]).not.toHaveProperty('data', null);
  });

  it('rejects with the error of the handler, and its data', async () => {
    const world = startWithOrders(() => ({ refuse: 'refused', data: { left: 0 } }));
    const sut = world.connect();
    const call = sut.call('order').catch((error: unknown) => error);
    await world.pass(100);

    expect(await call).toMatchObject({ code: 'refused', retryable: false, data: { left: 0 } });
  });

  it('waits for a connection, and is not repeated on another one: it may have been carried out', async () => {
    const world = startWithOrders(() => 'silence');
    world.isOffline = true;
    const sut = world.connect({ backoff: { base: 100, max: 500 } });
    const outcome = outcomeOf(sut.call('order'));
    await world.pass(5_000);
    expect(outcome).toEqual({});
    world.isOffline = false;
    await world.pass(4_000);
    expect(world.peer().requests('order')).toHaveLength(1);
    world.peer().socket.terminate();
    await world.pass(20_000);

    expect(outcome).toEqual({ code: 'unknown', retryable: false });
    expect(sut.state).toBe('connected');
    expect(world.gateway.peers.flatMap((peer) => peer.requests('order'))).toHaveLength(1);
  });

  it('is answered during a move by the connection that it was sent on', async () => {
    const world = startWithOrders(() => 'silence');
    const sut = world.connect();
    await world.pass(100);
    const outcome = outcomeOf(sut.call('order'));
    await world.pass(10);
    world.peer(1).send('reconnect', { within: 8_000, reason: 'draining' });
    await world.pass(3_000);
    world.peer(1).answer(world.peer(1).requests('order')[0]?.id, { reply: 'done' });
    await world.pass(100);

    expect(outcome).toEqual({ value: 'done' });
    expect(world.gateway.peers).toHaveLength(2);
  });

  it.each<[string, Script, object]>([
    ['is unknown if it was sent', () => 'silence', { code: 'unknown', retryable: false }],
    [
      'is unknown if the backend may have carried it out',
      () => ({ refuse: 'unknown' }),
      { code: 'unknown', retryable: false },
    ],
    [
      'is unavailable if it was not carried out',
      () => ({ refuse: 'unavailable' }),
      { code: 'unavailable', retryable: true },
    ],
  ])('that is not answered %s', async (_, script, expected) => {
    const world = startWithOrders(script);
    const sut = world.connect();
    await world.pass(100);
    const outcome = outcomeOf(sut.call('order'));
    await world.pass(10_100);

    expect(outcome).toEqual(expected);
  });

  it('that was not sent in time is a timeout, and is never sent', async () => {
    const world = startWithOrders(() => ({ reply: 1 }));
    world.isOffline = true;
    const sut = world.connect();
    const outcome = outcomeOf(sut.call('order'));
    await world.pass(10_100);
    world.isOffline = false;
    await world.pass(30_000);

    expect(outcome).toEqual({ code: 'timeout', retryable: true });
    expect(world.peer().requests('order')).toEqual([]);
  });

  it('is closed with the client if it waits, and unknown if it was sent', async () => {
    const world = startWithOrders(() => 'silence');
    const sut = world.connect();
    await world.pass(100);
    const sent = outcomeOf(sut.call('order'));
    const other = world.connect({ connect: false });
    const waiting = outcomeOf(other.call('order'));
    await world.pass(10);
    void sut.close();
    void other.close();
    await world.pass(3_100);

    expect([sent.code, waiting.code]).toEqual(['unknown', 'closed']);
    await expect(sut.call('order')).rejects.toMatchObject({ code: 'closed' });
  });

  it.each(['subscribe', 'connect', 'ping', ''])('refuses the name %j, which is not your own', async (event) => {
    const sut = startWorld().connect({ connect: false });
    await expect(sut.call(event)).rejects.toThrow(TypeError);
  });

  it('refuses data that JSON would change', async () => {
    const sut = startWorld().connect({ connect: false });
    await expect(sut.call('order', { at: new Date() })).rejects.toThrow('data.at is an instance of Date');
  });
});
