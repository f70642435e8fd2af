// node dev/compile-changes.js PACKAGE...  compiles each changed file in PACKAGE/src on its own, to PACKAGE/dist.
//
// For the inner loop, in which `node --watch` runs the output. `tsc --build --watch` does the same, but takes 1.4 s of CPU
// per change for type checks and declarations that are not needed there: editors and `npm run check` check types.
import { watch } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** An editor, or tar, may write a file in several steps; in ms. */
const SETTLE = 20;

const configFile = fileURLToPath(new URL('../../../tsconfig.json', import.meta.url));
const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(configFile, (path) => ts.sys.readFile(path)).config,
  ts.sys,
  dirname(configFile),
);
const compilerOptions = {
  ...options,
  // A single file does not show that its package uses ES modules.
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  sourceMap: false,
};
const formatHost = {
  getCanonicalFileName: (/** @type {string} */ name) => name,
  getCurrentDirectory: () => ts.sys.getCurrentDirectory(),
  getNewLine: () => '\n',
};

/** Files that wait to be compiled, so that several events for one file lead to one compilation. */
const waiting = new Set();

for (const folder of process.argv.slice(2)) {
  watch(join(folder, 'src'), { recursive: true }, (_event, name) => {
    if (name?.endsWith('.ts') && !name.endsWith('.spec.ts')) void changed(folder, name);
  });
}
console.log(`compiling what changes in ${process.argv.slice(2).join(', ')}`);

/**
 * @param {string} folder
 * @param {string} name relative to `src`
 */
async function changed(folder, name) {
  const source = join(folder, 'src', name);
  if (waiting.has(source)) return;
  waiting.add(source);
  await sleep(SETTLE);
  waiting.delete(source);
  const output = join(folder, 'dist', name.replace(/\.ts$/, '.js'));
  try {
    await compile(source, output);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await rm(output, { force: true });
    console.log(`removed ${output}`);
  }
}

/**
 * @param {string} source
 * @param {string} output
 */
async function compile(source, output) {
  const text = await readFile(source, 'utf8');
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    fileName: source,
    compilerOptions,
    reportDiagnostics: true,
  });
  if (diagnostics.length > 0) {
    // Keep the previous output.
    console.error(ts.formatDiagnostics(diagnostics, formatHost));
    return;
  }
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, outputText);
  console.log(`compiled ${source}`);
}
