/**
 * Writes docs/cli.md and docs/troubleshooting.md, or with `--check` fails if they are not up to date. For developers: it needs the
 * repository, what `npm run build` made, and the formatter.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import { cliDocs } from './cli-docs.ts';
import { troubleshooting } from './troubleshooting.ts';

const ROOT = new URL('../../../', import.meta.url);
const PAGES = { 'docs/cli.md': cliDocs, 'docs/troubleshooting.md': troubleshooting };

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const style = JSON.parse(await readFile(new URL('.oxfmtrc.json', ROOT), 'utf8')) as FormatConfig;
for (const [path, text] of Object.entries(PAGES)) {
  const file = new URL(path, ROOT);
  const { code, errors } = await format(path, text(), style);
  if (errors.length > 0) throw new Error(`${path} cannot be formatted`, { cause: errors });
  if (!values.check) {
    await writeFile(file, code);
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== code) {
    console.error(`${path} is not up to date: run npm run build && npm run generate:cli`);
    process.exitCode = 1;
  }
}
