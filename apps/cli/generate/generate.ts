/**
 * Writes docs/troubleshooting.md, or with `--check` fails if it is not up to date. For developers: it needs the repository, what
 * `npm run build` made, and the formatter.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import { troubleshooting } from './troubleshooting.ts';

const ROOT = new URL('../../../', import.meta.url);
const PATH = 'docs/troubleshooting.md';
const FILE = new URL(PATH, ROOT);

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const style = JSON.parse(await readFile(new URL('.oxfmtrc.json', ROOT), 'utf8')) as FormatConfig;
const { code, errors } = await format(PATH, troubleshooting(), style);
if (errors.length > 0) throw new Error(`${PATH} cannot be formatted`, { cause: errors });
if (!values.check) {
  await writeFile(FILE, code);
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== code) {
  console.error(`${PATH} is not up to date: run npm run build && npm run generate:troubleshooting`);
  process.exitCode = 1;
}
