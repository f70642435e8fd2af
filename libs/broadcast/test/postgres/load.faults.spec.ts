import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Connection } from '../../src/postgres/client/connection.js';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { migrate } from '../../src/postgres/schema/migrate.js';
import { MIGRATIONS } from '../../src/postgres/schema/migrations.js';
import { eventually } from '../../src/testing/eventually.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { PostgresServer } from '../support/postgres-server.js';

const CHANNELS = ['news:1', 'news:2', 'news:3'];
/** What a backend publishes in a transaction that stays open. */
const LATE = 'orders:late';

/** The migration of a later release. */
function laterRelease(s: string): string {
  return `
    alter table ${s}.channel add column note text not null default 'x';
    alter table ${s}.publication add column note text;
    alter table ${s}.meta add column note text;
    create function ${s}.publish_2() returns void language sql as $$ select $$;
    create index on ${s}.publication (at)`;
}

let server: PostgresServer;
let schema: string;
let pods: Subscriber[];
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(async () => server.close());
beforeEach(async () => {
  schema = `test${(schemas += 1)}`;
  pods = [];
  await Promise.all([startPod(), startPod()]);
});
afterEach(async () => Promise.all(pods.map(async ({ broker }) => broker.close())));

async function startPod(): Promise<Subscriber> {
  const pod = new Subscriber(new PostgresBroker(() => `${server.url}?schema=${schema}`));
  pods.push(pod);
  await pod.start([...CHANNELS, LATE]);
  return pod;
}

/** Calls `work` while messages flow. Nothing may be lost, not even with a gap. */
async function underLoad(work: (load: Load) => Promise<void>): Promise<void> {
  const load = new Load(pods, CHANNELS);
  try {
    load.start();
    await load.flows();
    await work(load);
    await load.flows();
  } finally {
    await load.stop();
  }
  await load.check({ lossless: true });
  for (const { faults, invalid } of pods) expect([faults, invalid]).toEqual([[], []]);
}

describe('under load', () => {
  it('a write transaction that stays open delays nothing but what it has published', async () => {
    await underLoad(async (load) => {
      await server.session(async (backend) => {
        await backend.query('begin');
        await backend.query(`create table ${schema}_orders ()`);
        await backend.query(`select ${schema}.publish($1, $2)`, [LATE, '"late"']);
        const before = load.acknowledged.length;
        // Many snapshots in which the transaction still runs.
        await eventually(() => expect(load.acknowledged.length).toBeGreaterThan(before + 500));
        // A pod whose feed begins meanwhile.
        const newcomer = new Subscriber(new PostgresBroker(() => `${server.url}?schema=${schema}`));
        await newcomer.start(['news:1']);
        const [row] = await server.query<{ length: number }>('select length(pg_current_snapshot()::text)');
        // Each pod sends it with every poll: it names the transactions that run, and not those that have ended since.
        expect(row?.length).toBeLessThan(200);
        expect(pods.flatMap((pod) => pod.payloads(LATE))).toEqual([]);
        await eventually(() => expect(newcomer.payloads('news:1').length).toBeGreaterThan(0));
        await newcomer.broker.close();
        await backend.query('commit');
      });
      await eventually(() => {
        for (const pod of pods) expect(pod.payloads(LATE)).toEqual(['{"data":"late"}']);
      });
    });
  });

  it('vacuum, and partitions that are dropped and created, lose nothing', async () => {
    await underLoad(async (load) => {
      for (let round = 0; round < 3; round += 1) {
        for (let part = 1; part <= 5; part += 1) {
          const end = (round * 5 + part) * 1_000;
          await server.query(`select ${schema}.add_partition_1(${end - 1_000}, ${end})`);
          await server.query(`insert into ${schema}.publication (stream, n, at, channel, epoch, payload)
            select 0, g, ${end - 1}, 'old', 'x', repeat('x', 1000) from generate_series(1, 200) g`);
        }
        await eventually(async () => {
          await server.query(`select ${schema}.upkeep_1(0)`);
          const rows = await server.query(`select from ${schema}.publication where stream = 0`);
          expect(rows).toHaveLength(0);
        });
        await server.query(`vacuum (analyze) ${schema}.publication, ${schema}.channel, ${schema}.event`);
        // It locks the table for a moment.
        await server.query(`vacuum full ${schema}.channel`);
        await load.flows();
      }
    });
  });

  it('a later release migrates the schema, and pods of both releases work side by side', async () => {
    await underLoad(async (load) => {
      const connection = await Connection.open(
        { credentials: {}, database: 'postgres', tls: undefined } as never,
        { host: '127.0.0.1', port: server.port },
        'later release',
      );
      expect(await migrate(connection, schema, [...MIGRATIONS, laterRelease])).toBe(MIGRATIONS.length);
      connection.close();
      await load.flows();
      // A pod of this release may start again, for example after a rollback.
      const pod = new Subscriber(new PostgresBroker(() => `${server.url}?schema=${schema}`));
      await pod.start(CHANNELS);
      await pod.broker.join(LATE, { client: 'ann', details: '{}' }, 'h1');
      await eventually(() => expect(pod.payloads('news:1').length).toBeGreaterThan(5));
      expect(CHANNELS.flatMap((channel) => pod.gaps(channel))).toEqual([]);
      await pod.broker.close();
      expect(await server.query(`select version from ${schema}.meta`)).toEqual([{ version: MIGRATIONS.length + 1 }]);
    });
  });
});
