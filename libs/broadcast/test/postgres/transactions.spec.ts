import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { PostgresServer } from '../support/postgres-server.js';

const CHANNEL = 'orders:42';

let server: PostgresServer;
let pod: Pod;
let schema: string;
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(async () => server.close());
beforeEach(async () => {
  schema = `test${(schemas += 1)}`;
  pod = new Pod(new PostgresBroker(() => `${server.url}?schema=${schema}`));
  await pod.start();
  await pod.broker.subscribe(CHANNEL, LASTING);
});
afterEach(async () => pod.close());

function payloads(channel = CHANNEL): string[] {
  return pod.delivered(channel).map(({ payload }) => payload);
}

/** Publishes as a backend, under a key. */
async function publishOnce(data: string): Promise<unknown> {
  return server.query(`select ${schema}.publish($1, $2, $3)`, [CHANNEL, data, 'k1']);
}

/** Publishes through a pod, and resolves when it has arrived: what was visible before has arrived too. */
async function flush(): Promise<void> {
  await pod.broker.subscribe('marker', LASTING);
  const { offset } = await pod.publish('marker', 'x');
  await until(() => expect(pod.delivered('marker').at(-1)?.offset).toBe(offset));
}

describe('a backend that publishes in its own transaction', () => {
  it('delivers what it commits, and nothing before', async () => {
    await server.session(async (client) => {
      await client.query('create temporary table orders (id integer)');
      await client.query('begin');
      await client.query('insert into orders values (42)');
      const { rows } = await client.query(`select ${schema}.publish($1, $2) as offset`, [CHANNEL, '{"state":"paid"}']);
      expect(rows).toEqual([{ offset: '1' }]);
      await flush();
      expect(payloads()).toEqual([]);
      await client.query('commit');
      await until(() => expect(payloads()).toEqual(['{"data":{"state": "paid"}}']));
    });
  });

  it('delivers nothing of a transaction that is rolled back, and its offsets are used again', async () => {
    await server.session(async (client) => {
      await client.query('begin');
      for (const number of [1, 2, 3]) await client.query(`select ${schema}.publish($1, $2)`, [CHANNEL, `${number}`]);
      await client.query('rollback');
      await client.query(`select ${schema}.publish($1, $2)`, [CHANNEL, '4']);
    });
    await until(() => expect(pod.delivered(CHANNEL)).toMatchObject([{ offset: 1, payload: '{"data":4}' }]));
    expect(pod.gaps).toEqual([]);
  });

  it('delivers nothing of a savepoint that is rolled back', async () => {
    await server.session(async (client) => {
      const publish = async (number: number): Promise<unknown> =>
        client.query(`select ${schema}.publish($1, $2)`, [CHANNEL, `${number}`]);
      await client.query('begin');
      await publish(1);
      await client.query('savepoint s');
      await publish(2);
      await client.query('rollback to s');
      await publish(3);
      await client.query('savepoint t');
      await publish(4);
      await client.query('commit');
    });
    await until(() => expect(payloads()).toEqual(['{"data":1}', '{"data":3}', '{"data":4}']));
    expect(pod.delivered(CHANNEL).map(({ offset }) => offset)).toEqual([1, 2, 3]);
    expect(pod.gaps).toEqual([]);
  });

  it('delivers what commits after later transactions have been delivered', async () => {
    await server.session(async (early) => {
      await early.query('begin');
      await early.query(`select ${schema}.publish($1, $2)`, [CHANNEL, '"early"']);
      await pod.broker.subscribe('other', LASTING);
      for (let number = 1; number <= 20; number += 1) await pod.publish('other', `${number}`);
      await until(() => expect(pod.delivered('other')).toHaveLength(20));
      await early.query('commit');
    });
    await until(() => expect(payloads()).toEqual(['{"data":"early"}']));
    expect(pod.gaps).toEqual([]);
  });

  it('stores once per key, and refuses other data with the same key', async () => {
    expect(await publishOnce('1')).toEqual(await publishOnce('1'));
    await expect(publishOnce('2')).rejects.toThrow('the key was used before with different data');
    await until(() => expect(payloads()).toEqual(['{"data":1,"key":"k1"}']));
  });

  it.each([
    ['news today', '1', null, 'channel: expected'],
    [CHANNEL, null, null, 'data: expected JSON'],
    [CHANNEL, '1', '', 'key: expected'],
  ])('is refused for channel %s, data %s and key %s', async (...[channel, data, key, message]) => {
    const publish = server.query(`select ${schema}.publish($1, $2, $3)`, [channel, data, key]);
    await expect(publish).rejects.toThrow(message);
  });

  it('needs no right but to use the schema and the function', async () => {
    const role = `backend_${schema}`;
    await server.query(`create role ${role} login; grant usage on schema ${schema} to ${role};
      grant execute on function ${schema}.publish to ${role}`);
    await server.session(async (client) => {
      await client.query(`select ${schema}.publish($1, $2)`, [CHANNEL, '1']);
      await expect(client.query(`select * from ${schema}.publication`)).rejects.toThrow('permission denied');
    }, role);
    await until(() => expect(payloads()).toEqual(['{"data":1}']));
  });
});

describe('a long transaction of a backend', () => {
  it.each([
    ['has a stream', true],
    ['it creates', false],
  ])('locks its channel, which %s, and no other one', async (_, isKnown) => {
    const locked = isKnown ? CHANNEL : 'orders:new';
    await server.session(async (client) => {
      await client.query('begin');
      await client.query(`select ${schema}.publish($1, $2)`, [locked, '"early"']);
      const idempotency = { publisher: 'p', key: 'k', fingerprint: 'f', window: 600_000 };
      const late = until(async () => pod.publish(locked, 'late', {}, idempotency));
      const others = Array.from({ length: 50 }, async (__, index) => pod.publish(`other:${index}`, 'x'));
      expect(await Promise.all(others)).toHaveLength(50);
      await client.query('commit');
      expect(await late).toMatchObject({ offset: 2 });
    });
  });

  it('lets a publish on its channel fail, which stores nothing', async () => {
    await server.session(async (client) => {
      await client.query('begin');
      await client.query(`select ${schema}.publish($1, $2)`, [CHANNEL, '1']);
      // On a machine that stalls, the call may end before the reason is known.
      await expect(pod.publish(CHANNEL, 'late')).rejects.toThrow(/locked by a transaction|no answer in time/);
      await client.query('commit');
    });
    await until(() => expect(payloads()).toEqual(['{"data":1}']));
    await flush();
    expect(payloads()).toEqual(['{"data":1}']);
  });
});
