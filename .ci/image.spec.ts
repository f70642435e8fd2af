import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import dockerignore from '@balena/dockerignore';
import { DockerfileParser } from 'dockerfile-ast';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const dockerfile = DockerfileParser.parse(read('Dockerfile'));
const ignored = dockerignore.default().add(read('.dockerignore'));

/** The paths that are copied from the context, not from another stage. */
const copied: string[] = dockerfile
  .getCOPYs()
  .filter((copy) => copy.getFromFlag() === null)
  .flatMap((copy) =>
    copy
      .getArguments()
      .slice(0, -1)
      .map((argument) => argument.getValue()),
  );

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

/** The entrypoint of a stage, or of the image. */
function entrypointOf(stage: string | null): string[] {
  const from = dockerfile.getFROMs().find((each) => each.getBuildStage() === stage);
  const start = from?.getRange().start.line ?? Infinity;
  const entrypoint = dockerfile.getENTRYPOINTs().find((each) => each.getRange().start.line > start);
  return JSON.parse(entrypoint?.getRawArgumentsContent() ?? '[]') as string[];
}

/** The packages of the workspace. */
function workspaces(): string[] {
  const { workspaces: patterns } = JSON.parse(read('package.json')) as { workspaces: string[] };
  return globSync(patterns, { cwd: ROOT }).filter((folder) => existsSync(`${ROOT}/${folder}/package.json`));
}

// Errors that a build reports by itself, such as an unnamed stage, are not tested here: CI builds the image.
describe('the Dockerfile', () => {
  it('copies files that exist and are not ignored', () => {
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) {
      expect(existsSync(`${ROOT}/${path}`), path).toBe(true);
      expect(ignored.ignores(path), path).toBe(false);
    }
  });

  it('copies the package.json of every package before npm ci, except those whose dependencies the image does not need', () => {
    const packages = workspaces().filter((folder) => !/^(?:e2e|bench|examples|\.ci)/.test(folder));
    expect(copied).toEqual(expect.arrayContaining(packages.map((folder) => `${folder}/package.json`)));
  });

  it('runs as a numeric non-root user, which Kubernetes can verify', () => {
    const users = dockerfile.getInstructions().filter((instruction) => instruction.getKeyword() === 'USER');
    expect(users.length).toBeGreaterThan(0);
    for (const user of users) expect(user.getArgumentsContent()).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('starts the file that the build produces', () => {
    const [node, ...rest] = entrypointOf(null);
    const main = rest.at(-1) ?? '';
    expect(node).toBe('/usr/local/bin/node');
    expect(existsSync(`${ROOT}/${main.replace('/app/', '').replace('/dist/', '/src/').replace(/js$/, 'ts')}`)).toBe(
      true,
    );
  });

  it('watches the gateway and its workspace dependencies in the dev target', () => {
    const [, , command = ''] = entrypointOf('dev');
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
  ])('excludes %s', (path) => expect(ignored.ignores(path)).toBe(true));

  it.each([
    'apps/gateway/src/main.ts',
    'apps/chat/index.html',
    'apps/operations/index.html',
    'libs/broadcast/src/testing/index.ts',
    'LICENSE',
  ])('keeps %s', (path) => expect(ignored.ignores(path)).toBe(false));

  it('has no exceptions (`!`), which some tools do not support', () => {
    expect(read('.dockerignore')).not.toMatch(/^!/m);
  });
});
