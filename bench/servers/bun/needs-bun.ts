import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Unavailable } from '../server.ts';

const run = promisify(execFile);

/**
 * Bun is no dependency of the repository: it is a whole runtime, for a comparison that few ask for.
 *
 * @throws Unavailable where it is not installed.
 */
export async function needsBun(): Promise<void> {
  await run('bun', ['--version']).catch(() => {
    throw new Unavailable('needs bun, which is not on the PATH');
  });
}
