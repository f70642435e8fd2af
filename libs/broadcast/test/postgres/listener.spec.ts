import { afterAll, beforeAll, expect, it } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { PostgresServer } from '../support/postgres-server.js';

const CHANNEL = 'news:today';

let server: PostgresServer;

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(async () => server.close());

/** Removes notifications from whole messages: a byte for the type (A), and four for the length with itself. */
function withoutNotifications(data: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let start = 0; start < data.length;) {
    const end = start + 1 + data.readUInt32BE(start + 1);
    if (data[start] !== 'A'.charCodeAt(0)) kept.push(data.subarray(start, end));
    start = end;
  }
  return Buffer.concat(kept);
}

async function isNotified({ broker }: Pod): Promise<boolean | undefined> {
  return (await broker.stats()).feed?.isNotified;
}

it('a pod whose notifications are lost on an open connection notices it, and delivers by polling', async () => {
  const proxy = await FaultyProxy.start(server.port);
  const deaf = new Pod(new PostgresBroker(() => `${server.url}?listen=${proxy.address}`));
  const here = new Pod(new PostgresBroker(() => server.url));
  try {
    await Promise.all([deaf.start(), here.start()]);
    await deaf.broker.subscribe(CHANNEL, LASTING);
    for (const pod of [deaf, here]) await until(async () => expect(await isNotified(pod)).toBe(true));
    proxy.transform = withoutNotifications;
    await here.publish(CHANNEL, 'before it has noticed');
    await until(() => expect(deaf.delivered(CHANNEL)).toHaveLength(1));
    await until(async () => {
      await deaf.publish(CHANNEL, 'x');
      expect(await isNotified(deaf)).toBe(false);
    });
    const before = deaf.delivered(CHANNEL).length;
    await here.publish(CHANNEL, 'after it has noticed');
    await until(() => expect(deaf.delivered(CHANNEL).slice(before).at(-1)?.payload).toBe('after it has noticed'));

    proxy.transform = (data) => data;
    await until(async () => {
      await deaf.publish(CHANNEL, 'x');
      expect(await isNotified(deaf)).toBe(true);
    });
    expect([deaf.gaps, deaf.faults, here.faults]).toEqual([[], [], []]);
  } finally {
    await Promise.all([deaf.close(), here.close()]);
    await proxy.close();
  }
});

it('a pod measures what its feed reads and what it publishes', async () => {
  const pod = new Pod(new PostgresBroker(() => `${server.url}?schema=measured`));
  try {
    await pod.start();
    await pod.broker.subscribe(CHANNEL, LASTING);
    await Promise.all(Array.from({ length: 50 }, async (_, number) => pod.publish(CHANNEL, `${number}`)));
    await until(() => expect(pod.delivered(CHANNEL)).toHaveLength(50));
    const { feed } = await pod.broker.stats();
    expect(feed).toMatchObject({ recordsWritten: 50, recordsRead: 50 });
    // They were packed.
    expect(feed?.entriesWritten).toBeLessThan(25);
    expect(feed?.entriesRead).toBeLessThan(25);
    await until(async () => expect((await pod.broker.stats()).feed?.lag).toBeLessThan(1_000));
  } finally {
    await pod.close();
  }
});
