import { afterAll, beforeAll } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { describeBroker } from '../../src/testing/index.js';
import { PgBouncer, PostgresServer } from '../support/postgres-server.js';

let server: PostgresServer;
let bouncer: PgBouncer;
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
  bouncer = await PgBouncer.start(server);
}, 60_000);
afterAll(async () => {
  await bouncer.close();
  await server.close();
});

describeBroker('PostgresBroker through PgBouncer in transaction mode', () => {
  const url = `${bouncer.url}?schema=test${(schemas += 1)}`;
  return { connect: () => new PostgresBroker(() => url), close: async () => undefined };
});
