import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isShell } from '../docs/.vitepress/indented-code.js';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A block of code in a page. */
export interface Example {
  readonly page: string;
  readonly language: string;
  readonly text: string;
  /** The page and the line of the block, for reports. */
  readonly name: string;
}

const PAGES = ['*.md', '{docs,libs,examples}/**/*.md', 'charts/holdfast/*.md', '{bench,e2e}/*.md'];

/** All examples of README and the documentation. */
export const EXAMPLES: readonly Example[] = globSync(PAGES, {
  cwd: ROOT,
  exclude: ['**/node_modules/**', '**/dist/**'],
}).flatMap((page) => Array.from(fencedIn(page)).concat(Array.from(indentedIn(page))));

function* fencedIn(page: string): Generator<Example> {
  const text = readFileSync(join(ROOT, page), 'utf8');
  for (const { 1: indent = '', 2: language = '', 3: code = '', index } of text.matchAll(
    /^( *)```(\w*)\n(.*?)\n\1```$/gms,
  )) {
    const unindented = code.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    yield { page, language, text: unindented, name: `${page}:${lineOf(text, index)}` };
  }
}

/** Indented blocks, which are shell if they begin with a command. */
function* indentedIn(page: string): Generator<Example> {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^( *)```.*?^\1```$/gms, (fenced) =>
    fenced.replace(/[^\n]/g, ''),
  );
  for (const { 0: block, index } of text.matchAll(/(?<=^\n)(?: {4}.*\n)+/gm)) {
    const code = block.replaceAll(/^ {4}/gm, '');
    if (isShell(code)) yield { page, language: 'sh', text: code, name: `${page}:${lineOf(text, index)}` };
  }
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
