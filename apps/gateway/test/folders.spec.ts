import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { expect, it, onTestFinished } from 'vitest';

const GATEWAY = fileURLToPath(new URL('..', import.meta.url));

/**
 * The imports below `src` that break a rule, as `rule: from -> to`. Type imports count, because they couple folders
 * as well.
 */
async function violations(directory: string): Promise<string[]> {
  const { output } = await cruise(
    ['src'],
    {
      baseDir: directory,
      validate: true,
      ruleSet: {
        forbidden: [
          { name: 'circle of folders', scope: 'folder', severity: 'error', from: {}, to: { circular: true } },
          { name: 'circle of files', severity: 'error', from: {}, to: { circular: true } },
          // They assemble the application, and therefore import everything.
          { name: 'root', severity: 'error', from: { path: '^src/.+/' }, to: { path: '^src/[^/]+$' } },
        ],
      },
      exclude: { path: '\\.spec\\.ts$' },
      doNotFollow: { path: 'node_modules' },
      tsPreCompilationDeps: true,
    },
    { extensions: ['.ts', '.js'] },
  );
  const { summary } = output as ICruiseResult;
  expect(summary.totalCruised).toBeGreaterThan(1);
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`.replaceAll('src/', ''));
}

async function write(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'folders-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, 'src', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return directory;
}

it('no folder of the gateway depends on itself through others', async () => {
  expect(await violations(GATEWAY)).toEqual([]);
});

it.each([
  [
    'two folders that import types of each other',
    {
      'a/one.ts': "import type { Two } from '../b/two.js';\nexport interface One { two: Two }\n",
      'b/two.ts': "import type { Three } from '../a/three.js';\nexport interface Two { three: Three }\n",
      'a/three.ts': 'export interface Three { three: 3 }\n',
    },
    ['circle of folders: a -> b', 'circle of folders: b -> a'],
  ],
  [
    'two files that import each other',
    {
      'a/one.ts': "import { two } from './two.js';\nexport const one = (): unknown => two;\n",
      'a/two.ts': "import { one } from './one.js';\nexport const two = (): unknown => one;\n",
    },
    ['circle of files: a/one.ts -> a/two.ts'],
  ],
  [
    'a folder that imports a file of the root',
    { 'app.ts': 'export const app = 1;\n', 'a/one.ts': "import { app } from '../app.js';\nexport const one = app;\n" },
    ['root: a/one.ts -> app.ts'],
  ],
])('the rules find %s', async (_name, files, expected) => {
  expect((await violations(await write(files))).toSorted()).toEqual(expected);
});
