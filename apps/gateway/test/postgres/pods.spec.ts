import { afterAll, beforeAll } from 'vitest';
import { PostgresServer } from '../../../../libs/broadcast/test/support/postgres-server.js';
import { describeTwoPods } from '../support/two-pods.js';

let server: PostgresServer;
let tests = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
}, 600_000);
afterAll(async () => server.close());

describeTwoPods('PostgreSQL', () => {
  tests += 1;
  return `${server.url}?schema=test${tests}`;
});
