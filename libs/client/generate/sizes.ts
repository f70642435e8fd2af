import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

/** What a page imports of each library to open a connection. The versions are those of package.json. */
const LIBRARIES: Readonly<Record<string, string>> = {
  '@holdfast/client': `export { Holdfast } from './src/index.js'`,
  'socket.io-client': `export { io } from 'socket.io-client'`,
  'pusher-js': `export { default } from 'pusher-js'`,
  centrifuge: `export { Centrifuge } from 'centrifuge'`,
};

export interface Size {
  readonly name: string;
  readonly version: string;
  /** Minified, in bytes. */
  readonly minified: number;
  /** Minified and compressed, in bytes. */
  readonly gzip: number;
}

/** Bundles each library for a browser, minified by esbuild and compressed by gzip -9. Ours comes from its sources. */
export async function measureSizes(): Promise<Size[]> {
  return Promise.all(Object.entries(LIBRARIES).map(([name, contents]) => measure(name, contents)));
}

async function measure(name: string, contents: string): Promise<Size> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: FOLDER },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    // What vite.config.ts says.
    target: 'es2022',
    conditions: ['source'],
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  return { name, version: await versionOf(name), minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
}

async function versionOf(name: string): Promise<string> {
  const { version, devDependencies } = JSON.parse(await readFile(`${FOLDER}/package.json`, 'utf8')) as {
    version: string;
    devDependencies: Record<string, string>;
  };
  return devDependencies[name] ?? version;
}

const [BEGIN, END] = ['<!-- sizes: npm run generate:sizes -->', '<!-- end of sizes -->'];
const TABLE = new RegExp(`${BEGIN}[^]*${END}`);

/** README's text with these sizes, in kB of 1,000 bytes. */
export function withSizes(readme: string, sizes: readonly Size[]): string {
  const rows = sizes.map(
    ({ name, version, minified, gzip }) => `| ${name} ${version} | ${kb(minified)} | ${kb(gzip)} |`,
  );
  const table = ['| library | minified, kB | gzip, kB |', '| --- | --- | --- |', ...rows].join('\n');
  if (!TABLE.test(readme)) throw new Error(`README.md has no place for the sizes: ${BEGIN}`);
  return readme.replace(TABLE, `${BEGIN}\n\n${table}\n\n${END}`);
}

function kb(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}
