import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NAMES = ['client', 'react'];

const run = async (command: string, args: string[], cwd = ROOT): Promise<string> => {
  try {
    return (await promisify(execFile)(command, args, { cwd })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
};
const licence = (folder: string): string => readFileSync(join(folder, 'LICENSE'), 'utf8');
const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name);

/** The packed libraries, as an application without a bundler has them. They are built before: `npm run build`. */
describe('the packed libraries', () => {
  const app = mkdtempSync(join(tmpdir(), 'holdfast-app-'));
  const tarball = (name: string): string => {
    const file = readdirSync(app).find((each) => each.startsWith(`holdfast-${name}-`));
    return join(app, file ?? `holdfast-${name}.tgz`);
  };
  const installed = (name: string): string => join(app, 'node_modules/@holdfast', name);

  beforeAll(async () => {
    await run('node', ['.ci/pack.ts', app]);
    for (const name of NAMES) {
      mkdirSync(installed(name), { recursive: true });
      await run('tar', ['-xzf', tarball(name), '--strip-components=1', '-C', installed(name)]);
    }
    for (const name of ['react', '@types'])
      symlinkSync(join(ROOT, 'node_modules', name), join(app, 'node_modules', name));
  });
  afterAll(() => rmSync(app, { recursive: true }));

  it.each(NAMES)(
    '%s passes publint, and has types for node10, node16 (ESM and CommonJS) and bundlers',
    async (name) => {
      const [linted, types] = await Promise.all([
        run(bin('publint'), ['--strict', tarball(name)]),
        run(bin('attw'), [tarball(name), '--profile', 'strict', '--no-emoji']),
      ]);
      expect(linted).toContain('All good');
      expect(types).toContain('No problems found');
    },
  );

  it.each(NAMES)('%s has its licence, README and repository, and no sources', (name) => {
    expect(readdirSync(installed(name)).toSorted()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
    const files = ['index.cjs', 'index.d.cts', 'index.d.ts', 'index.js', 'index.js.map'];
    expect(readdirSync(join(installed(name), 'dist')).toSorted()).toEqual(files);
    expect(licence(installed(name))).toBe(licence(ROOT));
    const manifest = readFileSync(join(installed(name), 'package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({
      license: 'Apache-2.0',
      repository: { directory: `libs/${name}` },
      engines: { node: '>=20' },
      publishConfig: { provenance: true },
    });
    expect(JSON.parse(manifest)).not.toHaveProperty('dependencies');
    expect(manifest).not.toContain('source');
  });

  it('need no dependency but react, and each other in the same version', () => {
    const [client, react] = NAMES.map(
      (name) =>
        JSON.parse(readFileSync(join(installed(name), 'package.json'), 'utf8')) as {
          version: string;
          peerDependencies?: object;
        },
    );
    expect(client?.peerDependencies).toBeUndefined();
    expect(react?.peerDependencies).toEqual({ '@holdfast/client': client?.version, react: expect.any(String) });
  });

  it('are loaded by import and by require', async () => {
    const report =
      "console.log(typeof Holdfast, typeof useSubscription, new Holdfast('/ws', { connect: false }).state);";
    const names = "{ Holdfast } = require('@holdfast/client'), { useSubscription } = require('@holdfast/react')";
    writeFileSync(join(app, 'run.cjs'), `const ${names}; ${report}`);
    const imports = "import { Holdfast } from '@holdfast/client'; import { useSubscription } from '@holdfast/react';";
    writeFileSync(join(app, 'run.mjs'), `${imports} ${report}`);
    for (const file of ['run.cjs', 'run.mjs'])
      expect(await run('node', [file], app)).toBe('function function disconnected\n');
  });

  it('have types that an application can narrow for all hooks, from ESM and from CommonJS', async () => {
    const page = `
      import { Holdfast } from '@holdfast/client';
      import { useHoldfast, usePublish, useSubscription, type Calls } from '@holdfast/react';
      declare module '@holdfast/react' {
        interface Register {
          channels: { 'chat:*': { text: string } };
          calls: { 'orders.create'(order: { item: string }): { id: number } };
        }
      }
      export const client = new Holdfast<{ 'chat:*': { text: string } }, Calls>('/ws', { connect: false });
      export function Page(): null {
        useSubscription('chat:lobby', { message: ({ data }) => data.text.length, gap() {} });
        // @ts-expect-error -- no pattern matches
        useSubscription('other', { message() {}, gap() {} });
        // @ts-expect-error -- the map says text
        void usePublish('chat:lobby')(1);
        const client = useHoldfast();
        void client.call('orders.create', { item: 'tea' }).then(({ id }) => id.toFixed());
        // @ts-expect-error -- the registered call needs an item
        void client.call('orders.create', {});
        // @ts-expect-error -- no such call is registered
        void client.call('orders.delete');
        return null;
      }`;
    for (const file of ['page.mts', 'page.cts']) writeFileSync(join(app, file), page);
    const options = [
      '--noEmit',
      '--strict',
      '--types',
      'react',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom,esnext.disposable',
    ];
    expect(await run(bin('tsc'), [...options, 'page.mts', 'page.cts'], app)).toBe('');
  });
});
