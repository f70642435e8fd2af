import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const INDEX = 'index.html';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A file of the built page. */
interface PageFile {
  /** Relative to the page; empty for the page itself. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  /** Whether its name contains a hash of its content. */
  readonly isAsset: boolean;
}

/** The few small files of the page, which stay in memory. @throws Error if the page is not built. */
export function readPageFiles(): PageFile[] {
  const root = fileURLToPath(new URL('dist', import.meta.resolve('@holdfast/operations/package.json')));
  if (!existsSync(root))
    throw new Error('the operations page is not built: run "npm run build", or set HOLDFAST_OPERATIONS_PAGE=false');
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => {
    const file = join(parentPath, name);
    const path = file.slice(root.length + 1).replaceAll(sep, '/');
    const type = TYPES[extname(name)];
    if (type === undefined) throw new Error(`the operations page has a file of an unknown type: ${path}`);
    return { path: path === INDEX ? '' : path, type, body: readFileSync(file), isAsset: path.startsWith('assets/') };
  });
}
