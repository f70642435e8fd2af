import { afterAll, beforeAll } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { describeSettling } from '../../src/testing/index.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { PostgresServer } from '../support/postgres-server.js';

/** More than half of the limit, so that two answers in a row are too late. */
const SLOW = 1_200;

let server: PostgresServer;
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
}, 60_000);
afterAll(async () => server.close());

describeSettling('PostgresBroker', ['hangs', 'answers slowly'], async () => {
  const proxy = await FaultyProxy.start(server.port);
  const url = `postgres://postgres@${proxy.address}/postgres?schema=test${(schemas += 1)}`;
  return {
    connect: () => new PostgresBroker(() => url),
    stalls: {
      hangs: () => {
        server.hang().catch(() => undefined);
      },
      'answers slowly': () => {
        proxy.delay = SLOW;
      },
    },
    close: async () => {
      await server.resume();
      await proxy.close();
    },
  };
});
