import { execFile, type ExecFileException } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

interface Manifest {
  readonly name: string;
  readonly private?: true;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** What `npx holdfast` runs where there is no checkout: the tarball, and the packages that its manifest names. */
describe('the packed command', () => {
  const app = mkdtempSync(join(tmpdir(), 'holdfast-command-'));
  const installed = join(app, 'node_modules/holdfast');
  const link = (name: string): void => {
    mkdirSync(dirname(join(app, 'node_modules', name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(app, 'node_modules', name));
  };
  let manifest: Manifest;

  beforeAll(async () => {
    await run('node', [join(ROOT, '.ci/pack.ts'), app]);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'apps/cli/package.json'), 'utf8')) as { version: string };
    mkdirSync(installed, { recursive: true });
    await run('tar', ['-xzf', join(app, `holdfast-${version}.tgz`), '--strip-components=1', '-C', installed]);
    manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest;
    for (const name of Object.keys(manifest.dependencies)) link(name);
  });
  afterAll(() => rmSync(app, { recursive: true }));

  async function holdfast(args: readonly string[]): Promise<{ code: number; output: string }> {
    const env = { PATH: process.env['PATH'], HOME: app, HOLDFAST_CLI_API_KEY: 'key' };
    try {
      const { stdout, stderr } = await run('node', [join(installed, 'bin/holdfast.js'), ...args], { cwd: app, env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as ExecFileException;
      return { code: Number(code), output: `${String(stdout)}${String(stderr)}` };
    }
  }

  it('is called holdfast, as npx looks for it, and needs no package that is not published', () => {
    expect(manifest.name).toBe('holdfast');
    expect(manifest.private).toBeUndefined();
    expect(Object.keys(manifest.dependencies).filter((name) => name.startsWith('@holdfast/'))).toEqual([]);
    for (const version of Object.values({ ...manifest.dependencies, ...manifest.optionalDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it.each([
    ['prints its version', ['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    ['looks for a gateway', ['channels', '--url', 'http://127.0.0.1:1'], 69, /cannot reach/],
    ['verifies', ['verify', '--url', 'ws://127.0.0.1:1/ws', '--timeout', '1s'], 1, /checks failed/],
    ['migrates', ['migrate', '--url', 'postgres://owner@127.0.0.1:1/app'], 69, /ECONNREFUSED/],
    ['says which package of its optional ones doctor needs', ['doctor'], 2, /@kubernetes\/client-node/],
  ])('%s', async (_, args, code, output) => {
    const ended = await holdfast(args);
    expect(ended.output).toMatch(output);
    expect(ended.code).toBe(code);
  });

  it("checks a configuration with the gateway's parser", async () => {
    writeFileSync(join(app, 'holdfast.yaml'), 'auth:\n  anonimous: true\n');
    const { code, output } = await holdfast(['config', 'check', 'holdfast.yaml']);
    expect(output).toMatch(/auth\.anonimous/);
    expect(code).toBe(78);
  });

  it('has doctor, once the optional package is there', async () => {
    link('@kubernetes/client-node');
    const { code, output } = await holdfast(['doctor']);
    expect(output).toMatch(/no cluster is configured: set KUBECONFIG/);
    expect(code).toBe(2);
  });
});
