/**
 * Packs the packages that are published: `npm run pack -- [FOLDER]`, by default into `.cache/packages`. Build first.
 *
 * What is packed has no condition `source`, which would make other people's bundlers compile our sources. `npm pack` in a
 * package's folder gives the same, because it calls this with `--before` and `--after`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PUBLISHED = ['client', 'react'];

type Manifest = Readonly<Record<string, unknown>> & { readonly exports: { '.': Record<string, unknown> } };

/** The package.json as others get it. */
function publishedManifest(text: string): string {
  const { scripts: _, devDependencies: __, exports, ...manifest } = JSON.parse(text) as Manifest;
  const { source: ___, ...conditions } = exports['.'];
  return `${JSON.stringify({ ...manifest, exports: { '.': conditions } }, null, 2)}\n`;
}

/** Packs all, and returns the paths of the tarballs. */
function packAll(destination: string): string[] {
  mkdirSync(destination, { recursive: true });
  return PUBLISHED.map((name) => {
    const source = join(ROOT, 'libs', name);
    for (const file of ['index.js', 'index.cjs', 'index.d.ts', 'index.d.cts']) {
      if (!existsSync(join(source, 'dist', file)))
        throw new Error(`libs/${name}/dist/${file} is missing: npm run build`);
    }
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
    try {
      for (const part of ['LICENSE', 'README.md', 'dist'])
        cpSync(join(source, part), join(folder, part), { recursive: true });
      writeFileSync(
        join(folder, 'package.json'),
        publishedManifest(readFileSync(join(source, 'package.json'), 'utf8')),
      );
      execFileSync('npm', ['pack', '--silent', '--pack-destination', destination], { cwd: folder });
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
      return join(destination, `holdfast-${name}-${version}.tgz`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

/** For `npm pack` in a package's own folder. */
function before(): void {
  mkdirSync('.cache', { recursive: true });
  // An earlier call was killed before it could put the file back.
  if (existsSync('.cache/package.json')) after();
  const manifest = readFileSync('package.json', 'utf8');
  writeFileSync('.cache/package.json', manifest);
  writeFileSync('package.json', publishedManifest(manifest));
}

function after(): void {
  renameSync('.cache/package.json', 'package.json');
}

const [argument = '.cache/packages'] = process.argv.slice(2);
if (argument === '--before') before();
else if (argument === '--after') after();
else for (const tarball of packAll(resolve(argument))) console.log(tarball);
