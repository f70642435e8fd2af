/**
 * Writes the files that follow from the configuration's schema and the catalogue of the log, or with `--check` fails if
 * they are not up to date.
 * For developers: it needs the repository and its formatter.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import { configDocs } from './config/config-docs.js';
import { configFileSchema } from './config/file-schema.js';
import { logDocs } from './logging/log-docs.js';

const ROOT = new URL('../../../', import.meta.url);

const GENERATED: Readonly<Record<string, () => string>> = {
  'docs/configuration.md': configDocs,
  'docs/logs.md': logDocs,
  'apps/gateway/config.schema.json': () => JSON.stringify(configFileSchema(), undefined, 2),
};

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const style: FormatConfig = JSON.parse(await readFile(new URL('.oxfmtrc.json', ROOT), 'utf8'));

for (const [path, generate] of Object.entries(GENERATED)) {
  const { code, errors } = await format(path, generate(), style);
  if (errors.length > 0) throw new Error(`${path} cannot be formatted`, { cause: errors });
  const file = new URL(path, ROOT);
  if (!values.check) {
    await writeFile(file, code);
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== code) {
    console.error(`${path} is not up to date: run node apps/gateway/dist/generate.js`);
    process.exitCode = 1;
  }
}
