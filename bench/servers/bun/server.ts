import { plainDialect } from '../../load/dialects/plain.ts';
import { repositoryPath } from '../paths.ts';
import type { Server } from '../server.ts';
import { needsBun } from './needs-bun.ts';

export const bun: Server = {
  name: 'bun',
  title: 'Bun, native',
  dialect: plainDialect,
  prepare: needsBun,
  launch: () => ({ command: 'bun', args: [repositoryPath('bench/servers/bun/main.ts')] }),
};
