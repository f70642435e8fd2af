import type { RegisteredConnection } from '../../broker.js';
import type { ConnectionEntry, ConnectionStore } from '../../membership/leased-connections.js';
import type { Restored } from '../../membership/leased-entries.js';
import { parseConnection, readable } from '../input.js';
import { fromStored, toStored } from '../text.js';
import type { StoreContext } from './context.js';

/** Stores the connections of users. */
export class PostgresConnectionStore implements ConnectionStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async register(user: string, entry: ConnectionEntry): Promise<void> {
    const { lanes, schema, pod } = this.#context;
    const { holder, connection } = entry;
    const values = [toStored(user), toStored(connection.client), pod, toStored(holder), JSON.stringify(connection)];
    const [row] = await lanes.query(`select ${schema}.register_1($1, $2, $3, $4, $5)`, values);
    entry.since = Number(row?.[0]);
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    const { lanes, schema } = this.#context;
    const text = `delete from ${schema}.connection where owner = $1 and client = $2 and holder = $3`;
    await lanes.query(text, [toStored(user), toStored(client), toStored(holder)]);
  }

  async connections(user: string): Promise<{ pod: string; connection: RegisteredConnection }[]> {
    const { lanes, schema, report } = this.#context;
    const rows = await lanes.query(`select pod, body from ${schema}.connection where owner = $1`, [toStored(user)]);
    return rows.flatMap(([pod, body]) =>
      readable(report, 'connection', user, [body], parseConnection).map((connection) => ({
        pod: String(pod),
        connection,
      })),
    );
  }

  async sweep(user: string, dead: string): Promise<boolean> {
    const { lanes, schema } = this.#context;
    await lanes.query(`delete from ${schema}.connection where owner = $1 and pod = $2`, [toStored(user), dead]);
    return false;
  }

  async restore(user: string, entries: readonly (readonly [string, ConnectionEntry])[]): Promise<Restored> {
    const { lanes, schema, pod } = this.#context;
    const [row = []] = await lanes.query(`select * from ${schema}.reregister_1($1, $2, $3, $4, $5, $6)`, [
      toStored(user),
      pod,
      entries.map(([client]) => toStored(client)),
      entries.map(([, { holder }]) => toStored(holder)),
      entries.map(([, { connection }]) => JSON.stringify(connection)),
      entries.map(([, { since }]) => since),
    ]);
    return { own: Number(row[0]), total: Number(row[1]) };
  }

  async remove(user: string, clients: readonly string[]): Promise<void> {
    const { lanes, schema, pod } = this.#context;
    const text = `delete from ${schema}.connection where owner = $1 and pod = $2 and client = any ($3)`;
    await lanes.query(text, [toStored(user), pod, clients.map(toStored)]);
  }

  async stored(user: string): Promise<string[]> {
    const { lanes, schema, pod } = this.#context;
    const text = `select client from ${schema}.connection where owner = $1 and pod = $2`;
    return (await lanes.query(text, [toStored(user), pod])).map(([client]) => fromStored(String(client)));
  }

  /** Connections do not expire: another pod removes them. */
  async prolong(): Promise<boolean> {
    return true;
  }
}
