/**
 * Writes the tables of measured figures into their pages, or with `--check` fails if they are not up to date. For developers: it needs the
 * repository and its formatter.
 *
 *     npm run generate:figures                                # of all pages
 *     npm run generate:figures -- resilience --from run.json  # first takes what a run wrote into the page's file of results
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import { filled } from './fill.ts';
import { PAGES, type Page } from './pages.ts';

const ROOT = new URL('../../', import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean', default: false }, from: { type: 'string' } },
});
const [name] = positionals;
const pages = PAGES.filter((page) => name === undefined || page.name === name);
if (pages.length === 0 || (values.from !== undefined && name === undefined)) {
  console.error(`name one of the pages: ${PAGES.map((page) => page.name).join(', ')}`);
  process.exit(2);
}

const style = JSON.parse(await read('.oxfmtrc.json')) as FormatConfig;
for (const page of pages) {
  if (values.from !== undefined) await publish(page, values.from);
  await generate(page);
}

async function publish(page: Page, file: string): Promise<void> {
  const path = resultsOf(page);
  const run: unknown = JSON.parse(await readFile(file, 'utf8'));
  const results = page.published(run, JSON.parse(await read(path)));
  await write(path, await formatted(path, JSON.stringify(results)));
}

async function generate(page: Page): Promise<void> {
  const path = `docs/${page.name}.md`;
  const former = await read(path);
  const text = await formatted(path, filled(former, page.tables(JSON.parse(await read(resultsOf(page))))));
  if (!values.check) {
    await write(path, text);
  } else if (former !== text) {
    console.error(`${path} is not up to date: run npm run generate:figures`);
    process.exitCode = 1;
  }
}

function resultsOf(page: Page): string {
  return `docs/${page.name}/results.json`;
}

async function read(path: string): Promise<string> {
  return readFile(new URL(path, ROOT), 'utf8');
}

async function write(path: string, text: string): Promise<void> {
  await writeFile(new URL(path, ROOT), text);
}

async function formatted(path: string, content: string): Promise<string> {
  const { code, errors } = await format(path, content, style);
  if (errors.length > 0) throw new Error(`${path} cannot be formatted`, { cause: errors });
  return code;
}
