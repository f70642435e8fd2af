import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { apt } from '../../../apps/gateway/test/support/system-package.ts';
import { CACHE, type Tool } from './tools.ts';

const run = promisify(execFile);

/** Debian's package has promtool, too. It is only unpacked: installed, it would start a server. Building promtool takes minutes. */
const PACKAGE = 'prometheus';

/** The path of promtool: on the PATH, in the cache, or from Debian's package. */
export async function findPromtool(): Promise<Tool> {
  const folder = join(CACHE, 'promtool');
  for (const path of [...(process.env['PATH'] ?? '').split(delimiter), folder].map((entry) =>
    join(entry, 'promtool'),
  )) {
    if ((await run(path, ['--version']).catch(() => undefined)) !== undefined) return { path };
  }
  await mkdir(folder, { recursive: true });
  const download = await mkdtemp(join(CACHE, 'download-'));
  try {
    await unpack(download);
    await copyFile(join(download, 'usr/bin/promtool'), join(folder, 'promtool'));
    return { path: join(folder, 'promtool') };
  } catch {
    return { missing: `no promtool on the PATH, and Debian's package ${PACKAGE} could not be downloaded` };
  } finally {
    await rm(download, { recursive: true });
  }
}

async function unpack(folder: string): Promise<void> {
  // The user of apt may not write into the folder, and downloads as root then, with a warning.
  const download = async (): Promise<unknown> => run('apt-get', ['download', PACKAGE], { cwd: folder });
  await download().catch(async () => {
    apt('update', '-qq');
    await download();
  });
  const [file = ''] = await readdir(folder);
  await run('dpkg-deb', ['--extract', file, '.'], { cwd: folder });
}
