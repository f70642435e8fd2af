import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const pages = globSync(['*.md', '.github/*.md', '{docs,apps,examples,libs,charts,e2e,bench}/**/*.md'], {
  cwd: ROOT,
  // A template with placeholders in its links.
  exclude: ['**/node_modules/**', '**/dist/**', 'charts/generate/**'],
});

const LINK = /\]\(([^()\s]+)\)/g;

/** The anchor that GitHub generates for a heading. */
function anchorsIn(path: string): Set<string> {
  const slugger = new GithubSlugger();
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#{1,6} (.+)$/gm)];
  return new Set(headings.map(([, heading = '']) => slugger.slug(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))));
}

/** Links to missing files of this repository, and to missing headings. */
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

describe('links between pages are not broken', () => {
  it.each(pages)('%s', (page) => expect(brokenLinks(page)).toEqual([]));
});
