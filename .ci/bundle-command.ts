import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** A module of npm's, not one of this workspace. */
const isPackage = (id: string): boolean => !/^(?:[./]|@holdfast\/)/.test(id);

/**
 * Bundles what the command needs of this workspace, whose packages are not published, into a few modules.
 *
 * @returns the packages of npm that these modules import, with the versions that are installed here.
 */
export async function bundleCommand(source: string, destination: string): Promise<Record<string, string>> {
  const bundle = await rolldown({ cwd: source, platform: 'node', input: 'dist/main.js', external: isPackage });
  const { output } = await bundle.write({ dir: destination, format: 'esm' });
  const imported = output.flatMap((chunk) =>
    chunk.type === 'chunk' ? [...chunk.imports, ...chunk.dynamicImports] : [],
  );
  const files = new Set(output.map(({ fileName }) => fileName));
  const packages = [...new Set(imported)].filter((id) => !files.has(id) && !isBuiltin(id));
  return Object.fromEntries(packages.toSorted().map((name) => [name, installedVersion(name)]));
}

function installedVersion(name: string): string {
  const path = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
