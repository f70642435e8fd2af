import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The Dockerfile's instructions, each on one line. */
const instructions: Instruction[] = read('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', text: line.slice(line.indexOf(' ') + 1).trim() }));

const ignored: string[] = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

/** Whether a file of the workspace is left out of the build's context, as its folders may be. */
function isIgnored(path: string): boolean {
  const parts = path.split('/');
  return parts.some((_, index) => {
    const part = parts.slice(0, index + 1).join('/');
    return ignored.some((pattern) => matchesGlob(part, pattern));
  });
}

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

/** What is copied from the context, not from another stage. */
function copied(): string[] {
  return instructions
    .filter(({ name, text }) => name === 'COPY' && !text.includes('--from='))
    .flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
}

/** The packages of this workspace. */
function workspaces(): string[] {
  const { workspaces: patterns } = JSON.parse(read('package.json')) as { workspaces: string[] };
  return globSync(patterns, { cwd: ROOT }).filter((folder) => existsSync(`${ROOT}/${folder}/package.json`));
}

describe('the Dockerfile', () => {
  it('copies what exists and is not ignored', () => {
    expect(copied().length).toBeGreaterThan(5);
    for (const path of copied()) {
      expect(existsSync(`${ROOT}/${path}`), path).toBe(true);
      expect(isIgnored(path), path).toBe(false);
    }
  });

  it('shows npm the package.json of every package but those whose dependencies an image has no use for', () => {
    const packages = workspaces().filter((folder) => !['e2e', 'bench'].includes(folder));
    expect(copied()).toEqual(expect.arrayContaining(packages.map((folder) => `${folder}/package.json`)));
  });

  it('refers to stages that were named before', () => {
    const stages: string[] = [];
    for (const { name, text } of instructions) {
      const [, from] = /--from=(\S+)/.exec(text) ?? [];
      if (name === 'COPY' && from !== undefined) expect(stages).toContain(from);
      const [, base = '', stage] = name === 'FROM' ? (/^(\S+)(?: AS (\S+))?$/.exec(text) ?? []) : [];
      if (name === 'FROM' && !base.startsWith('${')) expect(stages).toContain(base);
      if (stage !== undefined) stages.push(stage);
    }
    expect(stages).toContain('dev');
  });

  it('runs as a numeric user that is not root, which Kubernetes can check', () => {
    const users = instructions.filter(({ name }) => name === 'USER').map(({ text }) => text);
    expect(users.length).toBeGreaterThan(0);
    for (const user of users) expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('starts what the build makes', () => {
    const entrypoint = instructions.findLast(({ name }) => name === 'ENTRYPOINT')?.text ?? '[]';
    const [node, ...rest] = JSON.parse(entrypoint) as string[];
    const main = rest.at(-1) ?? '';
    expect(node).toBe('/usr/local/bin/node');
    expect(existsSync(`${ROOT}/${main.replace('/app/', '').replace('/dist/', '/src/').replace(/js$/, 'ts')}`)).toBe(
      true,
    );
  });

  it('watches in its dev target where the gateway and what it imports of the workspace are', () => {
    const [, command = ''] = /ENTRYPOINT (\["sh".*)/.exec(read('Dockerfile')) ?? [];
    const compiled = / apps\/gateway\/dev\/compile-changes\.js ([^&]*) &/.exec(command)?.[1]?.split(' ') ?? [];
    const watched = [...command.matchAll(/--watch-path=(\S+)\/dist/g)].map(([, folder]) => folder);
    const { references } = JSON.parse(read('apps/gateway/tsconfig.json')) as { references: { path: string }[] };
    const needed = ['apps/gateway', ...references.map(({ path }) => path.replace('../../', ''))];
    expect(compiled.toSorted()).toEqual(needed.toSorted());
    expect(watched.toSorted()).toEqual(needed.toSorted());
  });
});

describe('.dockerignore', () => {
  it.each([
    'node_modules/ws/package.json',
    'apps/gateway/dist/main.js',
    'apps/cli/test/verify.spec.ts',
    'libs/client/src/backoff.spec.ts',
    'libs/client/.cache/types/index.d.ts',
    'charts/holdfast/values.yaml',
    'docs/protocol.md',
    'README.md',
    '.git/HEAD',
  ])('leaves out %s', (path) => expect(isIgnored(path)).toBe(true));

  it.each(['apps/gateway/src/main.ts', 'apps/chat/index.html', 'libs/broadcast/src/testing/index.ts', 'LICENSE'])(
    'keeps %s',
    (path) => expect(isIgnored(path)).toBe(false),
  );

  it('has no exceptions, which some readers of it do not know', () => {
    expect(ignored.filter((pattern) => pattern.startsWith('!'))).toEqual([]);
  });
});
