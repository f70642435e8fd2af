import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Connection } from '../../src/postgres/client/connection.js';
import { migrateDatabase } from '../../src/postgres/migration.js';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { eventually } from '../../src/testing/eventually.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { PgBouncer, PostgresServer } from '../support/postgres-server.js';

const CHANNEL = 'news:today';

let server: PostgresServer;
let pods: Pod[] = [];
let schema: string;
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start({ configuration: 'max_connections = 30\nreserved_connections = 0' });
}, 60_000);
afterAll(async () => server.close());
beforeEach(() => {
  schema = `test${(schemas += 1)}`;
});
afterEach(async () => {
  await Promise.all(pods.map(async (pod) => pod.close()));
  pods = [];
});

function open(parameters = '', url = server.url): Pod {
  const pod = new Pod(new PostgresBroker(() => `${url}?schema=${schema}${parameters}`));
  pods.push(pod);
  return pod;
}

async function start(parameters = '', url = server.url): Promise<Pod> {
  const pod = open(parameters, url);
  await pod.start();
  return pod;
}

/** Transactions of all pods so far. */
async function transactions(): Promise<number> {
  const [row] = await server.query<{ count: string }>(
    "select xact_commit as count from pg_stat_database where datname = 'postgres'",
  );
  return Number(row?.count);
}

/** Transactions of all pods within 3 s. */
async function transactionsWhileIdle(): Promise<number> {
  // Backends report what they have done once a second.
  await sleep(1_500);
  const before = await transactions();
  await sleep(3_000);
  return (await transactions()) - before;
}

/** Why a broker is down, when it has noticed. */
async function expectProblem({ broker }: Pod, expected: string): Promise<void> {
  await until(() =>
    expect(broker.health()).toMatchObject({ status: 'down', reason: expect.stringContaining(expected) }),
  );
}

/** Publishes, and resolves when every pod has received it. */
async function expectDelivery(payload: string, publisher: Pod, receivers: readonly Pod[]): Promise<void> {
  await until(async () => publisher.publish(CHANNEL, payload));
  for (const pod of receivers) {
    await until(() => expect(pod.delivered(CHANNEL).map((publication) => publication.payload)).toContain(payload));
  }
}

describe('the schema', () => {
  it('is created by pods that start at the same time', async () => {
    await Promise.all(Array.from({ length: 4 }, async () => start()));
    expect(await server.query(`select version from ${schema}.meta`)).toEqual([{ version: 1 }]);
  });

  it('is created by a migration while pods whose role may not are waiting for it', async () => {
    const role = `gateway_${schema}`;
    await server.query(`create role ${role} login`);
    const url = server.url.replace('postgres@', `${role}@`);
    const here = open('', url);
    here.start().catch(() => undefined);
    await expectProblem(here, 'run "holdfast migrate" with a role that may');
    await migrateDatabase(`${server.url}?schema=${schema}`);
    await expectProblem(here, 'holdfast migrate --grant');
    await migrateDatabase(`${server.url}?schema=${schema}`, [role]);
    await until(() => expect(here.broker.health()).toEqual({ status: 'up' }));

    await here.broker.subscribe(CHANNEL, LASTING);
    await here.broker.join(CHANNEL, { client: 'ann', details: '{}' }, 'h1');
    await here.broker.register({ client: 'ann', holder: 'h1', user: 'u', node: 'here', since: 1 });
    await expectDelivery('a', here, [here]);
    expect(await here.offsets(CHANNEL)).toEqual([1]);
    await here.broker.leave(CHANNEL, 'ann', 'h1');
    await server.session(async (client) => {
      // Partitions and tables belong to the owner.
      await server.query(`select ${schema}.add_partition_1(1000, 2000)`);
      await until(async () => {
        // What somebody reads is left to the next call.
        const { rows } = await client.query(`select ${schema}.upkeep_1(0) as done`);
        expect(rows).toEqual([{ done: true }]);
        const found = await server.query(`select to_regclass('${schema}.publication_2000')`);
        expect(found).toEqual([{ to_regclass: null }]);
      });
      await expect(client.query(`create table ${schema}.other ()`)).rejects.toThrow('permission denied');
      await expect(client.query(`drop table ${schema}.channel`)).rejects.toThrow('must be owner');
    }, role);
    expect(here.faults).toEqual([]);
  });

  it('is created again if it was dropped: subscribers receive a gap', async () => {
    const [here, there] = [await start(), await start()];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    await expectDelivery('before', here, [here, there]);
    await until(async () => server.query(`drop schema ${schema} cascade`));
    for (const pod of [here, there]) await until(() => expect(pod.gaps.length).toBeGreaterThanOrEqual(1));
    await expectDelivery('after', there, [here, there]);
  });

  it('missing with migrate=off is named by the health', async () => {
    const pod = open('&migrate=off');
    pod.start().catch(() => undefined);
    await expectProblem(pod, 'migrate=off');
  });
});

describe('a server that is refused or full', () => {
  it.each([
    ['an unknown database', '/postgres?', '/none?', 'the database does not exist'],
    ['a port without a server', /:\d+\//, ':1/', 'ECONNREFUSED'],
  ])('%s', async (_, part, wrong, problem) => {
    const pod = new Pod(new PostgresBroker(() => `${server.url}?schema=${schema}`.replace(part, wrong)));
    pods.push(pod);
    pod.start().catch(() => undefined);
    await expectProblem(pod, problem);
  });

  it('without a free connection is named by the health, and used when there is one', async () => {
    const blockers: Connection[] = [];
    const settings = { credentials: {}, database: 'postgres', tls: undefined } as never;
    try {
      for (;;) blockers.push(await Connection.open(settings, { host: '127.0.0.1', port: server.port }, 'blocker'));
    } catch {
      expect(blockers.length).toBeGreaterThan(10);
    }
    const pod = open();
    pod.start().catch(() => undefined);
    await expectProblem(pod, 'max_connections');
    for (const blocker of blockers) blocker.close();
    await until(() => expect(pod.broker.health()).toEqual({ status: 'up' }));
  });
});

describe('a pod', () => {
  it('continues without a gap when its backends are terminated', async () => {
    const [here, there] = [await start(), await start()];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    for (let round = 1; round <= 3; round += 1) {
      await expectDelivery(`${round}`, here, [here, there]);
      await server.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'holdfast %'",
      );
    }
    await expectDelivery('last', here, [here, there]);
    for (const { gaps, faults } of [here, there]) expect([gaps, faults]).toEqual([[], []]);
  });

  it('delivers by polling if its listener is deaf', async () => {
    const [here, there] = [await start(), await start('&listen=off')];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    await expectDelivery('a', here, [here, there]);
    await expectDelivery('b', there, [here, there]);
    await server.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast listener'",
    );
    await expectDelivery('c', here, [here, there]);
  });

  it('continues when PgBouncer restarts', async () => {
    const bouncer = await PgBouncer.start(server);
    try {
      const pod = await start(`&listen=127.0.0.1:${server.port}`, bouncer.url);
      await pod.broker.subscribe(CHANNEL, LASTING);
      await expectDelivery('a', pod, [pod]);
      await bouncer.kill();
      await bouncer.run();
      await expectDelivery('b', pod, [pod]);
      expect(pod.gaps).toEqual([]);
    } finally {
      await pods.pop()?.close();
      await bouncer.close();
    }
  });

  it('runs no more statements for many channels than for one', async () => {
    const pod = await start();
    await pod.broker.subscribe(CHANNEL, LASTING);
    const one = await transactionsWhileIdle();
    // In small steps: on a busy machine many at once would not settle in time.
    for (let step = 0; step < 10; step += 1) {
      const names = Array.from({ length: 50 }, (_, index) => `many:${step}:${index}`);
      await Promise.all(names.map(async (name) => until(async () => pod.broker.subscribe(name, LASTING))));
    }
    expect(one).toBeLessThan(60);
    // A backend that has become idle reports its latest statements up to 10 s later.
    await eventually(async () => expect(await transactionsWhileIdle()).toBeLessThan(one + 30), 40_000);
  });

  it('drops expired partitions while a backend has a transaction open', async () => {
    const pod = await start();
    await pod.publish(CHANNEL, 'old', { historyTtl: 1 });
    const partitions = async (): Promise<string[]> => {
      const rows = await server.query<{ name: string }>(
        `select inhrelid::regclass::text as name from pg_inherits where inhparent = '${schema}.publication'::regclass order by 1`,
      );
      return rows.map(({ name }) => name);
    };
    // A partition that has ended long ago.
    await server.query(`select ${schema}.add_partition_1(1000, 2000)`);
    expect(await partitions()).toContain(`${schema}.publication_2000`);
    await server.session(async (client) => {
      await client.query('begin');
      await client.query(`select ${schema}.publish('orders:1', '1')`);
      await server.query(`select ${schema}.upkeep_1(0)`);
      await expect(pod.publish(CHANNEL, 'while it is open')).resolves.toMatchObject({ offset: 2 });
      await client.query('commit');
    });
    await server.query(`select ${schema}.upkeep_1(0)`);
    expect(await partitions()).not.toContain(`${schema}.publication_2000`);
    expect((await partitions()).length).toBeGreaterThan(1);
  });
});
