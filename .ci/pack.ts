/**
 * Packs the packages that are published: `npm run pack -- [FOLDER]`, by default into `.cache/packages`. Build first.
 *
 * What is packed has no condition `source`, which would make other people's bundlers compile our sources. `npm pack` in a
 * library's folder gives the same, because it calls this with `--before` and `--after`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from './bundle-command.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIBRARIES = ['client', 'react'];

type Manifest = Readonly<Record<string, unknown>> & { readonly version: string };
type LibraryManifest = Manifest & { readonly exports: { '.': Record<string, unknown> } };
type CommandManifest = Manifest & { readonly optionalDependencies: Readonly<Record<string, string>> };

/** The package.json of a library as others get it. */
function libraryManifest(text: string): string {
  const { scripts: _, devDependencies: __, exports, ...manifest } = JSON.parse(text) as LibraryManifest;
  const { source: ___, ...conditions } = exports['.'];
  return format({ ...manifest, exports: { '.': conditions } });
}

/** The package.json of the command as others get it: named as `npx` runs it, and without the packages of this workspace. */
function commandManifest(text: string, imports: Readonly<Record<string, string>>): string {
  const { private: _, devDependencies: __, ...manifest } = JSON.parse(text) as CommandManifest;
  const optional = Object.keys(manifest.optionalDependencies);
  const dependencies = Object.entries(imports).filter(([name]) => !optional.includes(name));
  return format({ ...manifest, name: 'holdfast', dependencies: Object.fromEntries(dependencies) });
}

function format(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Packs what `fill` puts into an empty folder, and returns the path of the tarball. */
async function packFolder(destination: string, fill: (folder: string) => Promise<void> | void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
  try {
    await fill(folder);
    const output = execFileSync('npm', ['pack', '--silent', '--pack-destination', destination], { cwd: folder });
    return join(destination, output.toString().trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function packLibrary(name: string, destination: string): Promise<string> {
  const source = join(ROOT, 'libs', name);
  for (const file of ['index.js', 'index.cjs', 'index.d.ts', 'index.d.cts']) {
    if (!existsSync(join(source, 'dist', file))) throw new Error(`libs/${name}/dist/${file} is missing: npm run build`);
  }
  return packFolder(destination, (folder) => {
    for (const part of ['LICENSE', 'README.md', 'dist'])
      cpSync(join(source, part), join(folder, part), { recursive: true });
    writeFileSync(join(folder, 'package.json'), libraryManifest(readFileSync(join(source, 'package.json'), 'utf8')));
  });
}

function packCommand(destination: string): Promise<string> {
  const source = join(ROOT, 'apps/cli');
  if (!existsSync(join(source, 'dist/main.js'))) throw new Error('apps/cli/dist/main.js is missing: npm run build');
  return packFolder(destination, async (folder) => {
    cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
    for (const part of ['README.md', 'bin']) cpSync(join(source, part), join(folder, part), { recursive: true });
    const imports = await bundleCommand(source, join(folder, 'dist'));
    const manifest = commandManifest(readFileSync(join(source, 'package.json'), 'utf8'), imports);
    writeFileSync(join(folder, 'package.json'), manifest);
  });
}

/** Packs all, and returns the paths of the tarballs. */
async function packAll(destination: string): Promise<string[]> {
  mkdirSync(destination, { recursive: true });
  const libraries = LIBRARIES.map((name) => packLibrary(name, destination));
  return Promise.all([...libraries, packCommand(destination)]);
}

/** For `npm pack` in a library's own folder. */
function before(): void {
  mkdirSync('.cache', { recursive: true });
  // An earlier call was killed before it could put the file back.
  if (existsSync('.cache/package.json')) after();
  const manifest = readFileSync('package.json', 'utf8');
  writeFileSync('.cache/package.json', manifest);
  writeFileSync('package.json', libraryManifest(manifest));
}

function after(): void {
  renameSync('.cache/package.json', 'package.json');
}

const [argument = '.cache/packages'] = process.argv.slice(2);
if (argument === '--before') before();
else if (argument === '--after') after();
else for (const tarball of await packAll(resolve(argument))) console.log(tarball);
