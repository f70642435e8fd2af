import { offeringCompression } from '../../load/compression.ts';
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

/** With permessage-deflate, which is off by default. */
export const socketIoCompressing: Server = {
  ...socketIo,
  name: 'socket.io-compressing',
  title: 'Socket.IO, compressing',
  dialect: offeringCompression(socketIoDialect),
  async launch(options) {
    const { env, ...launch } = await socketIo.launch(options);
    return { ...launch, env: { ...env, COMPRESS_FROM: '100' } };
  },
};
