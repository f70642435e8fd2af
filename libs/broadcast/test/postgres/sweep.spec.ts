import { afterAll, beforeAll, expect, it } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { eventually } from '../../src/testing/eventually.js';
import { LASTING, Pod } from '../../src/testing/pod.js';
import { PostgresServer } from '../support/postgres-server.js';
import { SilentProxy } from '../support/silent-proxy.js';

const CHANNEL = 'room:1';

let server: PostgresServer;

beforeAll(async () => {
  server = await PostgresServer.start();
}, 60_000);
afterAll(async () => server.close());

it('members and connections of a pod that was cut off are removed after its lease, and return with it', async () => {
  const proxy = await SilentProxy.start(server.port);
  const away = new Pod(new PostgresBroker(() => `postgres://postgres@${proxy.address}/postgres`));
  const here = new Pod(new PostgresBroker(() => server.url));
  try {
    await Promise.all([away.start(), here.start()]);
    for (const { broker } of [away, here]) await broker.subscribe(CHANNEL, LASTING);
    await away.broker.join(CHANNEL, { client: 'ann', details: '{}' }, 'h1');
    await away.broker.register({ client: 'ann', holder: 'h1', user: 'u', node: 'away', since: 1 });
    await here.broker.join(CHANNEL, { client: 'bob', details: '{}' }, 'h2');
    proxy.silence();
    await eventually(() => expect(here.late).toEqual([`${CHANNEL} leave ann {} of 1`]), 30_000);
    expect(await here.broker.connections('u')).toEqual([]);
    expect(here.presence).toContain(`${CHANNEL} - ann {}`);
    proxy.restore();
    await eventually(() => expect(here.presence.at(-1)).toBe(`${CHANNEL} + ann {}`), 15_000);
    await eventually(async () => expect(await here.broker.connections('u')).toHaveLength(1), 15_000);
    // Its connections return one after the other.
    await eventually(async () => away.publish(CHANNEL, 'x'), 15_000);
    await eventually(() => expect(away.delivered(CHANNEL)).toHaveLength(1), 15_000);
  } finally {
    await Promise.all([away.close(), here.close()]);
    await proxy.close();
  }
}, 60_000);
