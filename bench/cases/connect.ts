import type { Client } from '../load/client.ts';
import { Meter } from '../load/meter.ts';
import { populate } from '../load/population.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Case } from './case.ts';
import { roomOf } from './rooms.ts';

const CONNECTIONS = 4_000;
const QUICK_CONNECTIONS = 1_500;

export const connect: Case = {
  name: 'connect',
  title: 'connect + authenticate (HS256) + subscribe; ws, Nest and Socket.IO do not authenticate',
  servers: ['holdfast', 'ws', 'nest', 'socket.io', 'centrifuge', 'bun', 'holdfast-on-bun'],
  metrics: [{ key: 'cpu', title: 'CPU per connection', unit: 'µs' }],
  targets: [
    { metric: 'cpu', of: 'centrifuge', bound: 1.2 },
    { metric: 'cpu', of: 'centrifuge', bound: 0.8, stretch: true },
  ],
  quick: ['holdfast', 'centrifuge'],
  async run(server, { quick }) {
    const size = quick ? QUICK_CONNECTIONS : CONNECTIONS;
    const process = await ServerProcess.start(server);
    const { port } = process;
    const open: Client[] = [];
    try {
      // The first half warms up compilers and caches.
      open.push(...(await populate({ port, dialect: server.dialect, size, channelsOf: roomOf })));
      const meter = new Meter(process);
      open.push(...(await populate({ port, dialect: server.dialect, size, from: size, channelsOf: roomOf })));
      const { cpu, conditions } = meter.stop();
      return { values: { cpu: cpu / size }, conditions };
    } finally {
      for (const client of open) client.close();
      await process.stop();
    }
  },
};
