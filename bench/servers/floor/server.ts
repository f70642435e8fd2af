import { floorDialect } from '../../load/dialects/floor.ts';
import { build } from '../build.ts';
import { CACHE, repositoryPath } from '../paths.ts';
import type { Server } from '../server.ts';

const PROGRAM = `${CACHE}/floor`;

export const floor: Server = {
  name: 'floor',
  title: 'C, write() alone',
  dialect: floorDialect,
  prepare: () => build('cc', ['-O2', '-o', PROGRAM, 'floor.c'], repositoryPath('bench/servers/floor')),
  launch: () => ({ command: PROGRAM, args: [] }),
};
