/**
 * Writes the sizes into README.md, or with `--check` fails if they are not up to date. For developers: it needs the
 * repository and its formatter.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import { measureSizes, withSizes } from './sizes.ts';

const ROOT = new URL('../../../', import.meta.url);
const PATH = 'libs/client/README.md';
const FILE = new URL(PATH, ROOT);
/** Compressed sizes depend a little on the machine's zlib. */
const TOLERANCE_KB = 0.15;

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const style = JSON.parse(await readFile(new URL('.oxfmtrc.json', ROOT), 'utf8')) as FormatConfig;
const readme = await readFile(FILE, 'utf8');
const { code, errors } = await format(PATH, withSizes(readme, await measureSizes()), style);
if (errors.length > 0) throw new Error(`${PATH} cannot be formatted`, { cause: errors });
if (!values.check) {
  await writeFile(FILE, code);
} else if (!isSame(readme, code)) {
  console.error(`${PATH} is not up to date: run npm run generate:sizes`);
  process.exitCode = 1;
}

/** Whether two texts differ only in numbers, and by little. */
function isSame(one: string, other: string): boolean {
  const number = /\d+\.\d\b/g;
  const [ours, theirs] = [one, other].map((text) => (text.match(number) ?? []).map(Number));
  const isClose = (ours ?? []).every((value, index) => Math.abs(value - (theirs?.[index] ?? NaN)) <= TOLERANCE_KB);
  return isClose && one.replace(number, '') === other.replace(number, '');
}
