import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { CACHE } from './paths.ts';
import { Unavailable } from './server.ts';

const run = promisify(execFile);

/** Runs a compiler. @throws Unavailable if there is none. */
export async function build(compiler: string, args: readonly string[], cwd: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  try {
    await run(compiler, args, { cwd });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Unavailable(`needs ${compiler}, which is not on the PATH`);
    throw new Unavailable(`could not be built: ${stderr?.trim().split('\n').at(-1) ?? String(error)}`);
  }
}
