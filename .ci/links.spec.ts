import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const pages = globSync(['*.md', '.github/*.md', '{docs,apps,libs,charts,e2e,bench}/**/*.md'], {
  cwd: ROOT,
  // A template: its links have places to fill.
  exclude: ['**/node_modules/**', '**/dist/**', 'charts/generate/**'],
});

const LINK = /\]\(([^()\s]+)\)/g;

/** As GitHub makes them of headings. */
function anchorsIn(path: string): Set<string> {
  const slugger = new GithubSlugger();
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#{1,6} (.+)$/gm)];
  return new Set(headings.map(([, heading = '']) => slugger.slug(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))));
}

/** Links to files of this repository that do not exist, and to headings that their pages do not have. */
function brokenLinks(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^( {4,}|```[\s\S]*?^```).*$/gm, '');
  return [...text.matchAll(LINK)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link) || link.startsWith('/')) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
    if (!existsSync(target)) return [link];
    return anchor !== undefined && target.endsWith('.md') && !anchorsIn(target).has(anchor) ? [link] : [];
  });
}

describe('links between pages lead somewhere', () => {
  it.each(pages)('%s', (page) => expect(brokenLinks(page)).toEqual([]));
});
