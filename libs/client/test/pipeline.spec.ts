import { describe, expect, it } from 'vitest';
import { startWorld } from './world.js';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('publishes of one channel', () => {
  it('are pipelined: 30 a second over a round trip of 100 ms do not fall behind', async () => {
    const world = startWorld();
    world.latency = 50;
    const sut = world.connect();
    await world.pass(1_000);
    let latest = 0;
    for (const n of numbers(90)) {
      const at = Date.now();
      void sut.publish('room', n).then(() => (latest = Date.now() - at));
      await world.pass(33);
    }
    await world.pass(100);

    expect(world.gateway.stream('room').messages.map(({ data }) => data)).toEqual(numbers(90));
    expect(latest).toBeLessThanOrEqual(110);
  });

  it('keep their order if one fails: those after it are refused, and repeated after it', async () => {
    const world = startWorld();
    world.latency = 50;
    let failures = 0;
    world.gateway.scripts['publish'] = (_, { data }) =>
      data === 3 && ++failures < 4 ? { refuse: 'unavailable' } : 'default';
    const sut = world.connect();
    await world.pass(1_000);
    const all = Promise.all(numbers(10).map((n) => sut.publish('room', n)));
    await world.pass(20_000);
    await all;

    expect(world.gateway.stream('room').messages.map(({ data }) => data)).toEqual(numbers(10));
    // One at a time until it was through.
    const attempts = world
      .peer()
      .requests('publish')
      .slice(10)
      .map(({ data }) => data['data']);
    expect(attempts.slice(0, 4)).toEqual([3, 3, 3, 4]);
  });

  it('wait for each other at a gateway of the last release', async () => {
    const world = startWorld();
    world.gateway.greet = () => ({ pipelining: false });
    world.latency = 50;
    const sut = world.connect();
    await world.pass(1_000);
    void Promise.allSettled(numbers(5).map((n) => sut.publish('room', n)));
    await world.pass(60);

    expect(world.peer().requests('publish')).toHaveLength(1);
    expect(world.peer().requests('publish')[0]?.data).not.toHaveProperty('after');
  });
});

describe('publishes of many channels', () => {
  it('use the pace that the refusal states', async () => {
    const world = startWorld();
    // A burst of 200, and then 200 a second.
    let level = 0;
    let at = Date.now();
    world.gateway.scripts['publish'] = () => {
      level = Math.max(0, level - (Date.now() - at) / 5);
      at = Date.now();
      if (level + 1 > 200) return { refuse: 'rate_limited', interval: 5 };
      level += 1;
      return 'default';
    };
    const sut = world.connect();
    await world.pass(1_000);
    const from = Date.now();
    let took = 0;
    void Promise.all(numbers(999).map((n) => sut.publish(`room-${n}`, n))).then(() => (took = Date.now() - from));
    await world.pass(8_000);

    expect(took).toBeGreaterThan(3_500);
    expect(took).toBeLessThan(5_000);
    // Afterwards there are bursts again.
    const again = Date.now();
    void Promise.all(numbers(20).map((n) => sut.publish(`room-${n}`, n))).then(() => (took = Date.now() - again));
    await world.pass(100);
    expect(took).toBeLessThan(20);
  });
});
