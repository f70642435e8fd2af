import { socketIoDialect } from '../../load/dialects/socket-io.ts';
import { repositoryPath } from '../paths.ts';
import type { Server } from '../server.ts';

export const socketIo: Server = {
  name: 'socket.io',
  title: 'Socket.IO',
  dialect: socketIoDialect,
  launch: ({ broker }) => ({
    command: process.execPath,
    args: [repositoryPath('bench/servers/socket-io/main.ts')],
    ...(broker === undefined ? {} : { env: { REDIS_URL: broker } }),
  }),
};
