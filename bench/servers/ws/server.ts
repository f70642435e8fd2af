import { plainDialect } from '../../load/dialects/plain.ts';
import { repositoryPath } from '../paths.ts';
import type { Server } from '../server.ts';

export const ws: Server = {
  name: 'ws',
  title: 'ws loop',
  dialect: plainDialect,
  launch: () => ({ command: process.execPath, args: [repositoryPath('bench/servers/ws/main.ts')] }),
};
