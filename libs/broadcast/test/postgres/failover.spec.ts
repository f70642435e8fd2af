import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { eventually } from '../../src/testing/eventually.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { freePort } from '../support/free-port.js';
import { PostgresServer } from '../support/postgres-server.js';

const CHANNELS = ['news:1', 'news:2'];

describe('a synchronous replica that is promoted when the primary dies', () => {
  let primary: PostgresServer;
  let replica: PostgresServer;
  let port: number;

  beforeEach(async () => {
    port = await freePort([]);
    primary = await PostgresServer.start();
    replica = await PostgresServer.start({ port, primary });
    await primary.query("alter system set synchronous_standby_names = '*'");
    await primary.query('select pg_reload_conf()');
    await eventually(async () => {
      const [row] = await primary.query('select sync_state from pg_stat_replication');
      expect(row).toEqual({ sync_state: 'sync' });
    });
  });
  afterEach(async () => Promise.all([primary.close(), replica.close()]));

  it.each([
    ['keep', 'no gap'],
    ['gap', 'a gap'],
  ])('with failover=%s: subscribers receive %s, and nothing is lost in silence', async (failover) => {
    const url = `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${port}/postgres?failover=${failover}`;
    const pods = [new Subscriber(new PostgresBroker(() => url)), new Subscriber(new PostgresBroker(() => url))];
    await Promise.all(pods.map(async (pod) => pod.start(CHANNELS)));
    const load = new Load(pods, CHANNELS);
    try {
      load.start();
      await load.flows();
      await primary.kill();
      await replica.promote();
      await replica.query("alter system set synchronous_standby_names = ''").catch(() => undefined);
      await load.flows();
      await load.stop();
      await load.check({ lossless: failover === 'keep' });
      const gaps = pods.map((pod) => pod.gaps('news:1').length);
      expect(gaps.every((count) => (failover === 'keep' ? count === 0 : count >= 1))).toBe(true);
    } finally {
      await load.stop();
      await Promise.all(pods.map(async ({ broker }) => broker.close()));
    }
  });
});
