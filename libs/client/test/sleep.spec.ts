import { describe, expect, it } from 'vitest';
import { record, recordEvents } from './recorder.js';
import { startWorld } from './world.js';

const KEY_WINDOW = 300_000;

describe('a machine that sleeps', () => {
  it('does not store a publish twice: it is unknown after keyWindow, although timers stood still', async () => {
    const world = startWorld();
    world.gateway.greet = () => ({ keyWindow: KEY_WINDOW });
    // Stored, and the answer is on its way.
    world.gateway.scripts['publish'] = (_, { channel, data }) => {
      world.gateway.publish(channel, data ?? null);
      return 'silence';
    };
    const sut = world.connect();
    await world.pass(100);
    const outcome = Promise.allSettled([sut.publish('room', 'pay 100')]);
    await world.pass(10);
    world.sleep(KEY_WINDOW + 1_000);
    world.peer().socket.terminate();
    await world.pass(30_000);

    expect(await outcome).toMatchObject([{ reason: { code: 'unknown' } }]);
    expect(world.gateway.stream('room').messages).toHaveLength(1);
    expect(sut.state).toBe('connected');
  });

  it('times out requests, and refreshes its token, at most 5 s after it woke', async () => {
    const world = startWorld();
    world.gateway.greet = () => ({ expires: 3_600_000 });
    world.gateway.scripts['history'] = () => 'silence';
    const sut = world.connect({ token: () => 'token', timeout: 60_000 });
    await world.pass(100);
    const outcome = Promise.allSettled([sut.history('room')]);
    world.sleep(3_000_000);
    await world.pass(5_100);

    expect(await outcome).toMatchObject([{ reason: { code: 'timeout' } }]);
    expect(world.peer().requests('refresh')).toHaveLength(1);
  });

  it.each([
    ['in Node', undefined, () => {}],
    ['in a visible page without any event', 'visible', () => {}],
    ['in a page that becomes visible', 'hidden', (world: ReturnType<typeof startWorld>) => world.page.show('visible')],
  ] as const)('notices a dead connection within 3 s of waking, %s', async (_, visibility, wake) => {
    const world = startWorld(visibility);
    const sut = world.connect();
    const events = recordEvents(sut);
    await world.pass(2_000);
    world.cutSilently();
    world.sleep(3_600_000);
    wake(world);
    await world.pass(3_100);

    expect(events.slice(0, 2)).toEqual(['connected', 'reconnecting 1006']);
  });

  it('notices a dead connection although a browser delays all timers of a hidden page by a minute', async () => {
    const world = startWorld('hidden');
    const sut = world.connect();
    const events = recordEvents(sut);
    await world.pass(2_000);
    world.cutSilently();
    for (let minute = 0; minute < 4; minute += 1) {
      world.sleep(59_000);
      await world.pass(1_000);
    }
    await world.pass(3_000);

    expect(events.slice(0, 2)).toEqual(['connected', 'reconnecting 1006']);
  });

  it('keeps a connection that works', async () => {
    const world = startWorld();
    const sut = world.connect();
    const events = recordEvents(sut);
    await world.pass(2_000);
    world.sleep(60_000);
    await world.pass(30_000);

    expect(events).toEqual(['connected']);
  });

  it('is not confused by a clock that is set back', async () => {
    const world = startWorld();
    world.gateway.greet = () => ({ keyWindow: 10_000 });
    const sut = world.connect();
    await world.pass(100);
    world.isOffline = true;
    const outcome = Promise.allSettled([sut.publish('room', 1)]);
    world.sleep(-3_600_000);
    await world.pass(10_100);

    expect(await outcome).toMatchObject([{ reason: { code: 'unknown' } }]);
  });

  it('delivers what it missed, once', async () => {
    const world = startWorld();
    const app = record();
    const sut = world.connect();
    sut.subscribe('room', app);
    await world.pass(100);
    world.cutSilently();
    world.sleep(600_000);
    for (const data of ['a', 'b']) world.gateway.publish('room', data);
    await world.pass(10_000);

    expect(app.log).toEqual(['message 1', 'message 2']);
  });
});
