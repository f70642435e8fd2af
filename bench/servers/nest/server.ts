import { plainDialect } from '../../load/dialects/plain.ts';
import { build } from '../build.ts';
import { CACHE, repositoryPath } from '../paths.ts';
import type { Server } from '../server.ts';

export const nest: Server = {
  name: 'nest',
  title: 'Nest WsAdapter',
  dialect: plainDialect,
  // Its decorators need a compiler; for the other servers Node strips the types.
  prepare: () => {
    const compiler = repositoryPath('node_modules/typescript/bin/tsc');
    return build(process.execPath, [compiler, '-p', 'bench/servers/nest'], repositoryPath('.'));
  },
  launch: () => ({ command: process.execPath, args: [`${CACHE}/nest/main.js`] }),
};
