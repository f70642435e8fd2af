import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { plainDialect } from '../../load/dialects/plain.ts';
import { repositoryPath } from '../paths.ts';
import { Unavailable, type Server } from '../server.ts';

const run = promisify(execFile);

/** No dependency of the repository: it is a whole runtime, for a comparison that few ask for. */
export const bun: Server = {
  name: 'bun',
  title: 'Bun, native',
  dialect: plainDialect,
  async prepare() {
    await run('bun', ['--version']).catch(() => {
      throw new Unavailable('needs bun, which is not on the PATH');
    });
  },
  launch: () => ({ command: 'bun', args: [repositoryPath('bench/servers/bun/main.ts')] }),
};
