import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { LEASE } from '../../src/membership/pod-lease.js';
import { describeBrokerFaults } from '../../src/testing/index.js';
import { freePort } from '../support/free-port.js';
import { PostgresServer } from '../support/postgres-server.js';
import { SilentProxy } from '../support/silent-proxy.js';

let server: PostgresServer;
let schemas = 0;

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(async () => server.close());

describeBrokerFaults('PostgresBroker', LEASE, async () => {
  const schema = `test${(schemas += 1)}`;
  const proxy = await SilentProxy.start(server.port);
  const port = await freePort([]);
  let replica: PostgresServer | undefined;
  const url = `postgres://postgres@${proxy.address},127.0.0.1:${port}/postgres?schema=${schema}`;
  return {
    connect: () => new PostgresBroker(() => url),
    cut: async () => proxy.restore(),
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
    // The primary dies, and a replica that is behind takes over.
    loseTail: async () => {
      replica = await PostgresServer.start({ port, primary: server });
      await replica.kill();
      await sleep(300);
      await server.kill();
      await replica.run();
      await replica.promote();
    },
    close: async () => {
      await proxy.close();
      if (replica === undefined) return;
      await replica.close();
      await server.run();
    },
  };
});
