/**
 * Generates the chart's files from its values.yaml, and its dashboards, or with `--check` fails if they are not up to date.
 * For developers: it needs the repository and its formatter.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format, type FormatConfig } from 'oxfmt';
import { parse } from 'yaml';
import { broker } from './dashboards/broker.ts';
import { overview } from './dashboards/overview.ts';
import { build } from './dashboards/panels.ts';
import { pod } from './dashboards/pod.ts';
import { readChartValues } from './chart-values.ts';
import { valuesSchema } from './values-schema.ts';
import { valuesTable } from './values-table.ts';

const ROOT = new URL('../../', import.meta.url);

const read = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

const values = readChartValues(await read('charts/holdfast/values.yaml'));
const gatewayConfig = JSON.parse(await read('apps/gateway/config.schema.json')) as object;
const { version } = parse(await read('charts/holdfast/Chart.yaml')) as { version: string };

/** The values of the placeholders in readme.md. */
const PLACES: Readonly<Record<string, string>> = {
  version,
  presets: `https://raw.githubusercontent.com/holdfast/holdfast/v${version}/charts/holdfast/presets`,
  values: valuesTable(values),
};
const readme = (await read('charts/generate/readme.md')).replaceAll(/\{\{(\w+)\}\}/g, (_, place: string) => {
  const text = PLACES[place];
  if (text === undefined) throw new Error(`charts/generate/readme.md: unknown placeholder {{${place}}}`);
  return text;
});

const GENERATED: Readonly<Record<string, string>> = {
  'charts/holdfast/values.schema.json': JSON.stringify(valuesSchema(values, gatewayConfig), undefined, 2),
  'charts/holdfast/README.md': readme,
  ...Object.fromEntries(
    Object.entries({ overview, pod, broker }).map(([name, dashboard]) => [
      `charts/holdfast/files/dashboards/${name}.json`,
      JSON.stringify(build(dashboard)),
    ]),
  ),
};

const { check } = parseArgs({ options: { check: { type: 'boolean', default: false } } }).values;
const style = JSON.parse(await read('.oxfmtrc.json')) as FormatConfig;

for (const [path, text] of Object.entries(GENERATED)) {
  const { code, errors } = await format(path, text, style);
  if (errors.length > 0) throw new Error(`${path} cannot be formatted`, { cause: errors });
  if (!check) {
    await writeFile(new URL(path, ROOT), code);
  } else if ((await read(path).catch(() => '')) !== code) {
    console.error(`${path} is not up to date: run npm run generate`);
    process.exitCode = 1;
  }
}
