import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../load/client.ts';
import { populate } from '../load/population.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Case } from './case.ts';
import { roomOf } from './rooms.ts';

const CONNECTIONS = 10_000;
const QUICK_CONNECTIONS = 2_000;

/** Connections to open and close first, so that code and pools allocated by the first connections are not counted. */
const WARM_UP = 500;

/** The time for memory to settle, in ms. */
const SETTLE = { full: 8_000, quick: 2_000 };

export const memory: Case = {
  name: 'memory',
  title: 'idle memory, 10,000 connections in 100 channels (2,000 in the quick mode)',
  servers: ['holdfast', 'ws', 'nest', 'socket.io', 'centrifuge', 'bun', 'holdfast-on-bun'],
  metrics: [{ key: 'perConnection', title: 'RSS per connection', unit: 'KB' }],
  targets: [
    { metric: 'perConnection', of: 'ws', bound: 1.4 },
    { metric: 'perConnection', of: 'ws', bound: 1, stretch: true },
  ],
  quick: ['holdfast', 'ws'],
  maxRounds: 2,
  async run(server, { quick }) {
    const size = quick ? QUICK_CONNECTIONS : CONNECTIONS;
    const settle = quick ? SETTLE.quick : SETTLE.full;
    const process = await ServerProcess.start(server);
    const { port } = process;
    const open: Client[] = [];
    try {
      const first = await populate({ port, dialect: server.dialect, size: WARM_UP, channelsOf: roomOf });
      for (const client of first) client.close();
      await sleep(settle / 4);
      const before = process.memory;
      open.push(...(await populate({ port, dialect: server.dialect, size, channelsOf: roomOf })));
      await sleep(settle);
      const perConnection = (process.memory - before) / size / 1024;
      const failed = open.find(({ failure }) => failure !== undefined);
      if (failed !== undefined) throw new Error(`a client failed: ${failed.failure}`);
      return { values: { perConnection } };
    } finally {
      for (const client of open) client.close();
      await process.stop();
    }
  },
};
