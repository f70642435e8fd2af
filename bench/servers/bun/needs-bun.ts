import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Unavailable } from '../server.ts';

const run = promisify(execFile);

/**
 * Bun is not a dependency of the repository, because it is a complete runtime for a rarely used comparison.
 *
 * @throws Unavailable if it is not installed.
 */
export async function needsBun(): Promise<void> {
  await run('bun', ['--version']).catch(() => {
    throw new Unavailable('needs bun, which is not on the PATH');
  });
}
