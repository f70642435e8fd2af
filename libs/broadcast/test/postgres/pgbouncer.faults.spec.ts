import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { LEASE } from '../../src/membership/pod-lease.js';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { describeBrokerFaults } from '../../src/testing/index.js';
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

describeBrokerFaults('PostgresBroker through PgBouncer in transaction mode', LEASE, async () => {
  const url = `${bouncer.url}?schema=test${(schemas += 1)}`;
  return {
    connect: () => new PostgresBroker(() => url),
    cut: async () => {
      await bouncer.kill();
      await bouncer.run();
    },
    hang: async (duration) => {
      await server.hang();
      await sleep(duration);
      await server.resume();
    },
    restartEmpty: async () => {
      await server.kill();
      await server.removeData();
      await server.run();
    },
    loseTail: async () => {
      await server.restoreAfter(async () => sleep(300));
    },
    close: async () => undefined,
  };
});
