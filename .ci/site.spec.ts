import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser } from 'playwright-core';
import { preview, type PreviewServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { launchChromium } from '../apps/chat/test/support/chromium.js';
import { linkOnSite } from '../docs/.vitepress/repository-links.js';
import { ROOT } from './doc-examples.js';

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

const site = mkdtempSync(join(tmpdir(), 'holdfast-site-'));
let browser: Browser;
let server: PreviewServer;
let url = '';

// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  const built = spawnSync('npx', ['vitepress', 'build', 'docs', '--outDir', site], { cwd: ROOT, encoding: 'utf8' });
  expect(`${built.stdout}${built.stderr}`).toContain('build complete');
  expect(built.status).toBe(0);
  browser = await launchChromium();
  server = await preview({
    configFile: false,
    root: ROOT,
    appType: 'mpa',
    logLevel: 'warn',
    build: { outDir: site },
    preview: { port: 0, host: '127.0.0.1' },
  });
  url = server.resolvedUrls?.local[0] ?? '';
}, 900_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(site, { recursive: true });
});

const pages = (): string[] => globSync('**/*.html', { cwd: site });
const textOf = (page: string): string => readFileSync(join(site, page), 'utf8');

describe('the site of the documentation', () => {
  it('has every page of docs, and each is in the sidebar', () => {
    const expected = globSync('**/*.md', { cwd: join(ROOT, 'docs') }).map((page) => page.replace(/md$/, 'html'));
    expect(pages().toSorted()).toEqual([...expected, '404.html'].toSorted());
    const sidebar = new Set(attributesOf(textOf('concepts.html'), 'href').map((href) => href.replace(/^\//, '')));
    expect(expected.filter((page) => page !== 'index.html' && !sidebar.has(page))).toEqual([]);
  });

  it('has no link to a page or heading that is missing', () => {
    const ids = new Map(pages().map((page) => [page, new Set(attributesOf(textOf(page), 'id'))]));
    const broken = pages().flatMap((page) =>
      attributesOf(mainOf(textOf(page)), 'href')
        .filter((href) => !/^[a-z]+:/.test(href))
        .filter((href) => {
          const [path = '', anchor = ''] = href.split('#');
          const target = path === '' ? page : posix.join('.', posix.resolve('/', posix.dirname(page), path).slice(1));
          const isThere = target.endsWith('.html') ? ids.has(target) : existsSync(join(site, target));
          return !isThere || (anchor !== '' && ids.get(target)?.has(decodeURIComponent(anchor)) !== true);
        })
        .map((href) => `${page}: ${href}`),
    );
    expect(broken).toEqual([]);
  });

  it('links to files of the repository on GitHub, which exist here', () => {
    const links = pages().flatMap((page) => attributesOf(mainOf(textOf(page)), 'href'));
    const files = links.flatMap(
      (link) => /^https:\/\/github\.com\/holdfast\/holdfast\/blob\/main\/([^#]+)/.exec(link)?.[1] ?? [],
    );
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });

  it('loads nothing from another host', () => {
    for (const page of pages()) {
      const loading = textOf(page).match(/<(?:script|link|img|iframe|source|video|audio)\b[^>]*>/g) ?? [];
      expect(
        loading.filter((tag) => /(?:src|srcset|href)="(?:https?:)?\/\//.test(tag)),
        page,
      ).toEqual([]);
    }
    for (const style of globSync('**/*.css', { cwd: site })) {
      expect(textOf(style).match(/(?:url\(["']?|@import ["'])(?:https?:)?\/\//g), style).toBeNull();
    }
  });

  it('is readable without JavaScript', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`${url}concepts.html`);
    expect(await page.getByRole('heading', { name: 'Position: epoch and offset' }).isVisible()).toBe(true);
    await page.getByRole('link', { name: 'Patterns', exact: true }).first().click();
    expect(await page.getByRole('heading', { name: 'Typing indicators' }).isVisible()).toBe(true);
    await page.goto(url);
    expect(await page.getByRole('img', { name: /rolling update/ }).isVisible()).toBe(true);
  });

  it('searches and becomes dark on a phone, without an error or a request to another host', async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(request.url());
    });
    await page.goto(url);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill('slow consumer');
    await page
      .getByRole('link', { name: /Slow consumers/ })
      .first()
      .click();
    await page.getByRole('heading', { name: /Slow consumers/ }).waitFor();
    expect(await page.evaluate(() => document.documentElement.classList.contains('dark'))).toBe(true);
    // Wide tables scroll by themselves.
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    expect(complaints).toEqual([]);
  });

  it('shows the example of the calculator without JavaScript', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`${url}scaling.html`);
    expect(await page.getByRole('form', { name: 'Sizes' }).innerText()).toContain('4: 3 for the memory, 3 for the CPU');
  });

  it.each(['light', 'dark'] as const)('calculates sizes, and passes axe in %s mode on a phone', async (colorScheme) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`${url}scaling.html`);
    const form = page.getByRole('form', { name: 'Sizes' });
    const shows = (text: string): Promise<void> => form.getByText(text).waitFor();
    // Vue takes over after the page is shown; until then nothing changes.
    await expect
      .poll(async () => {
        await form.getByLabel('Clients that are connected').fill('100000');
        return form.innerText();
      })
      .toContain('8 for the memory');
    await form.getByLabel('Limits of a pod').selectOption({ label: '1 GiB, 1000m CPU' });
    await shows('4 for the memory');
    await form.getByLabel('To spare').selectOption({ label: 'one of three zones' });
    await form.getByLabel('Broker').selectOption({ label: 'Kafka' });
    await shows('Load of Kafka');
    await form.getByLabel('Messages published per second').fill('');
    await shows('0 per second');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate<AxeResults>('axe.run(".sizing", { resultTypes: ["violations"] })');
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
  });

  it('prints the cheat sheet on one page', async () => {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(`${url}cheat-sheet.html`);
    const pdf = await page.pdf({ format: 'A4', margin: { top: '8mm', bottom: '8mm', left: '8mm', right: '8mm' } });
    expect(pdf.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(1);
  });
});

it('a link to a file of the repository leads to GitHub, and one to a page stays', () => {
  expect(linkOnSite('../libs/client', 'protocol.md')).toBe(
    'https://github.com/holdfast/holdfast/blob/main/libs/client',
  );
  expect(linkOnSite('../performance.md#results', 'adr/0001.md')).toBe('../performance.md#results');
  expect(linkOnSite('#here', 'protocol.md')).toBe('#here');
  expect(linkOnSite('https://example.com/a.md', 'protocol.md')).toBe('https://example.com/a.md');
});

function attributesOf(html: string, name: string): string[] {
  return [...html.matchAll(new RegExp(`<[a-z][^>]*? ${name}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    value.replaceAll('&amp;', '&'),
  );
}

/** The page without its head, whose links are files of the site. */
function mainOf(html: string): string {
  return html.slice(html.indexOf('<body>'));
}
