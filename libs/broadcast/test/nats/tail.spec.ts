import type { StreamConfig } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { numbers } from '../../src/testing/log-adapter.contract.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { NatsServer } from '../support/nats-server.js';
import { Stopwatch } from '../../src/testing/stopwatch.js';

describe('the tail of a NATS log', () => {
  let nats: NatsServer;
  let tests = 0;
  let stream: string;
  let here: LogFollower;
  let there: LogFollower;

  beforeAll(async () => {
    nats = await NatsServer.start();
  });
  afterAll(async () => nats.close());
  beforeEach(async () => {
    tests += 1;
    const url = `${nats.url}?prefix=test${tests}&partitions=1`;
    stream = `test${tests}-log-0`;
    [here, there] = [new LogFollower(new NatsAdapter(() => url)), new LogFollower(new NatsAdapter(() => url))];
    await Promise.all([here.start(), there.start()]);
  });
  afterEach(async () => {
    await Promise.all([here, there].map(async ({ adapter }) => adapter.close()));
  });

  const config = async (): Promise<StreamConfig> =>
    nats.manage(async ({ streams }) => (await streams.info(stream)).config);
  /** From now on tails miss everything. */
  const stopRepublishing = async (): Promise<void> => {
    const change = { republish: undefined } as unknown as Partial<StreamConfig>;
    const updated = await nats.manage(async ({ streams }) => streams.update(stream, change));
    expect(updated.config.republish).toBeUndefined();
  };
  const deleteStream = async (): Promise<void> => {
    await nats.manage(async ({ streams }) => streams.delete(stream));
  };

  it('catches up with many entries while others are appended', async () => {
    const sent = numbers('a', 4_000);
    await Promise.all(sent.slice(0, 3_000).map(async (text) => there.append(text)));
    here.tail('first');
    await Promise.all(sent.slice(3_000).map(async (text) => there.append(text)));
    await eventually(() => expect(here.texts()).toEqual(sent));
    expect(here.entries().map(({ offset }) => offset)).toEqual(sent.map((_, index) => index + 1));
    expect(here.interruptions).toEqual([]);
  });

  it('reads entries whose copies were lost', async () => {
    for (const follower of [here, there]) follower.tail('first');
    await here.append('a1');
    await stopRepublishing();
    await here.appendAll(['a2', 'a3']);
    const appended = new Stopwatch();
    await here.reads(['a1', 'a2', 'a3']);
    await there.reads(['a1', 'a2', 'a3']);
    expect(appended.elapsed).toBeLessThan(3_000);
  });

  it('says that entries are gone that it has not read', async () => {
    here.tail('first');
    await here.append('a1');
    await here.reads(['a1']);
    here.continues = false;
    await stopRepublishing();
    await there.appendAll(['a2', 'a3', 'a4']);
    await nats.manage(async ({ streams }) => streams.purge(stream, { seq: 4 }));
    await eventually(() => expect(here.interruptions).toEqual([{ partition: 0, isCut: true }]));
    here.tail({ offset: 2 });
    await here.reads(['a4']);
  });

  it('continues when entries are purged that it has read', async () => {
    here.tail('first');
    await there.appendAll(['a1', 'a2']);
    await here.reads(['a1', 'a2']);
    await nats.manage(async ({ streams }) => streams.purge(stream));
    await there.append('a3');
    await here.reads(['a1', 'a2', 'a3']);
    expect(here.interruptions).toEqual([]);
    const { first, next } = await there.adapter.bounds(0, AbortSignal.timeout(5_000));
    expect([first, next]).toEqual([3, 4]);
  });

  it('says that the stream was deleted, and that it can be opened again', async () => {
    here.tail('first');
    await here.append('a1');
    await here.reads(['a1']);
    here.continues = false;
    await deleteStream();
    await eventually(() => expect(here.interruptions[0]).toEqual({ partition: 0, isCut: true }));
    await eventually(() => expect(here.problems.at(-2)).toBe(`stream ${stream} does not exist`));
    await eventually(() => expect(here.problem).toBeUndefined());
    await here.open();
    here.tail('first');
    await here.append('b1');
    await here.reads(['b1']);
  });

  it.each([
    ['with fewer entries', 1],
    ['with more entries', 5],
  ])('says that the stream is another one, created %s', async (_, count) => {
    here.tail('first');
    await here.appendAll(['a1', 'a2', 'a3']);
    await here.reads(['a1', 'a2', 'a3']);
    here.continues = false;
    const same = await config();
    await deleteStream();
    await nats.manage(async ({ streams }) => streams.add(same));
    await there.appendAll(numbers('b', count));
    await eventually(() => expect(here.interruptions).toHaveLength(1));
    expect(here.texts().filter((text) => text.startsWith('b') && Number(text.slice(1)) <= 3)).toEqual([]);
  });
});
