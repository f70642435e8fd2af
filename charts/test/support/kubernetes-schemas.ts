import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE, type Tool } from './tools.ts';

const run = promisify(execFile);

/** A Python package with the JSON Schemas of each Kubernetes version; its code is never run. */
const PACKAGE = 'kubernetes-validate';
const PACKAGE_VERSION = '1.37.0';
const SCHEMAS = 'kubernetes_validate/kubernetes-json-schema';

/** The first version that the chart supports. */
const FIRST_MINOR = 30;

/**
 * Returns a folder with strict schemas of each Kubernetes version that the chart supports, named like `v1.30.0/deployment-apps-v1.json`:
 * from the cache, or built from the Python package.
 */
export async function findKubernetesSchemas(): Promise<Tool> {
  const path = join(CACHE, `kubernetes-schemas-${PACKAGE_VERSION}`);
  if ((await readdir(path).catch(() => [])).length > 0) return { path };
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'download-'));
  try {
    const wheel = ['--no-deps', '--only-binary=:all:', '--dest', folder, `${PACKAGE}==${PACKAGE_VERSION}`];
    await run('python3', ['-m', 'pip', 'download', '--quiet', ...wheel]);
    const [file = ''] = await readdir(folder);
    await run('python3', ['-m', 'zipfile', '-e', join(folder, file), folder]);
    await rename(await relative(join(folder, SCHEMAS)), path);
  } catch {
    return {
      missing: `the Python package ${PACKAGE} ${PACKAGE_VERSION} could not be had: that takes python3 with pip`,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
  return { path };
}

/** Makes references relative, so that nothing is fetched, and keeps only the required versions. */
async function relative(folder: string): Promise<string> {
  for (const name of await readdir(folder)) {
    const [, minor, patch] = /^v1\.(\d+)\.(\d+)-local-strict$/.exec(name) ?? [];
    const from = join(folder, name);
    if (Number(minor) < FIRST_MINOR || patch === undefined) {
      await rm(from, { recursive: true });
      continue;
    }
    for (const file of await readdir(from)) {
      const text = await readFile(join(from, file), 'utf8');
      const schema = text
        .replaceAll('"/api/_definitions.json', '"_definitions.json')
        .replace(/,\s*"\$id": "[^"]*"/, '');
      await writeFile(join(from, file), schema);
    }
    await rename(from, join(folder, `v1.${minor}.${patch}`));
  }
  return folder;
}
