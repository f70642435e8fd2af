import { afterAll, beforeAll } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { describeBroker } from '../../src/testing/index.js';
import { PostgresServer } from '../support/postgres-server.js';

let server: PostgresServer;
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(async () => server.close());

/** A schema for each test: dropping it would take longer than the test. */
describeBroker('PostgresBroker', () => {
  const url = `${server.url}?schema=test${(schemas += 1)}`;
  return { connect: () => new PostgresBroker(() => url), close: async () => undefined };
});
