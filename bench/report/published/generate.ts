/**
 * Writes the tables of docs/performance.md from docs/performance/results.json, or with `--check` fails if they are not up to date.
 * `--from FILE` takes the results of a run of everything first. For developers: it needs the repository and its formatter.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import type { Results } from '../../run.ts';
import { publishedOf, RESULTS_PATH, type Published } from './results.ts';
import { publishedTables } from './tables.ts';

const ROOT = new URL('../../../', import.meta.url);
const PATH = 'docs/performance.md';
const FILE = new URL(PATH, ROOT);
const RESULTS = new URL(RESULTS_PATH, ROOT);
const [BEGIN, END] = ['<!-- results: npm run generate:performance -->', '<!-- end of results -->'];
const TABLES = new RegExp(`${BEGIN}[^]*${END}`);

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, from: { type: 'string' } } });
const style = JSON.parse(await readFile(new URL('.oxfmtrc.json', ROOT), 'utf8')) as FormatConfig;

if (values.from !== undefined) {
  const published = publishedOf(JSON.parse(await readFile(values.from, 'utf8')) as Results);
  await writeFile(RESULTS, await formatted(RESULTS_PATH, JSON.stringify(published)));
}

const page = await readFile(FILE, 'utf8');
if (!TABLES.test(page)) throw new Error(`${PATH} has no place for the results: ${BEGIN}`);
const tables = publishedTables(JSON.parse(await readFile(RESULTS, 'utf8')) as Published);
const text = await formatted(
  PATH,
  page.replace(TABLES, () => `${BEGIN}\n\n${tables}\n\n${END}`),
);
if (!values.check) {
  await writeFile(FILE, text);
} else if (page !== text) {
  console.error(`${PATH} is not up to date: run npm run generate:performance`);
  process.exitCode = 1;
}

async function formatted(path: string, content: string): Promise<string> {
  const { code, errors } = await format(path, content, style);
  if (errors.length > 0) throw new Error(`${path} cannot be formatted`, { cause: errors });
  return code;
}
