/** Compares Holdfast with similar servers: each server alone on one core, the load generator on the other. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compareBrokers } from './brokers/compare.ts';
import { compareRedisPods } from './redis-pods/compare.ts';
import { simulateScale } from './scale/simulate.ts';
import { CASES } from './cases/index.ts';
import { runAll, type Results } from './run.ts';
import { writePlots } from './report/plots/index.ts';
import { printProfiles } from './report/profiles.ts';
import { printReport } from './report/table.ts';
import { comparedWithOtherBuild, otherBuild } from './servers/holdfast/other-build.ts';
import { SERVERS } from './servers/index.ts';
import { LOAD_CORE, pinTo } from './servers/pin.ts';
import { profileInto } from './servers/process.ts';

const OTHERS: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  brokers: compareBrokers,
  'redis-pods': compareRedisPods,
  scale: simulateScale,
};
const otherTask = OTHERS[process.argv[2] ?? ''];
if (otherTask !== undefined) {
  await otherTask(process.argv.slice(3));
  process.exit();
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true, default: [] },
    server: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    beside: { type: 'string' },
    json: { type: 'string' },
    plots: { type: 'string' },
    from: { type: 'string' },
    'cpu-prof': { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const caseNames = CASES.map(({ name }) => name);
const serverNames = [...SERVERS.map(({ name }) => name), 'other-build'];

if (values.help) {
  console.log(`npm run bench -- [--quick] [--case NAME…] [--server NAME…] [--rounds N] [--beside DIR] [--json FILE] [--plots DIR]
npm run bench -- --from FILE [--plots DIR]
npm run bench -- brokers [--help]
npm run bench -- redis-pods [--help]
npm run bench -- scale [--help]

  --quick    a reduced run, in less than a minute
  --case     ${caseNames.join(', ')}
  --server   ${serverNames.join(', ')}
  --rounds   the number of rounds
  --beside   another checkout of Holdfast, built, to compare with
  --json     a file for all samples
  --plots    a folder for SVG plots of CPU and memory
  --from     an earlier --json file, to report on it without measuring
  --cpu-prof a folder for CPU profiles of Holdfast, at a small cost; the time by owner of the code is printed`);
  process.exit(0);
}

for (const [option, given, known] of [
  ['case', values.case, caseNames],
  ['server', values.server, serverNames],
] as const) {
  const unknown = given.find((name) => !known.some((other) => other === name));
  if (unknown !== undefined) {
    console.error(`--${option}: there is no ${unknown}, but ${known.join(', ')}`);
    process.exit(2);
  }
}

const measuring = ['quick', 'case', 'server', 'rounds', 'beside', 'json', 'cpu-prof'] as const;
const pointless = measuring.find((option) => [values[option]].flat().some(Boolean));
if (values.from !== undefined && pointless !== undefined) {
  console.error(`--${pointless}: nothing is measured with --from`);
  process.exit(2);
}

const results = values.from === undefined ? await measure() : await earlier(values.from);
printReport(results);
if (values['cpu-prof'] !== undefined) await printProfiles(results, values['cpu-prof']);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
if (values.plots !== undefined) {
  console.log(`\n${await writePlots(results, values.plots)} plots in ${values.plots}`);
}
if (results.cases.some(({ failures }) => failures.length > 0)) process.exitCode = 1;

async function earlier(file: string): Promise<Results> {
  return JSON.parse(await readFile(file, 'utf8')) as Results;
}

async function measure(): Promise<Results> {
  if (values['cpu-prof'] !== undefined) profileInto(resolve(values['cpu-prof']));

  // Exit normally, so that the servers are stopped too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

  pinTo([LOAD_CORE]);

  const { beside } = values;
  const servers = beside === undefined ? SERVERS : [...SERVERS, await otherBuild(beside)];
  const cases = beside === undefined ? CASES : CASES.map(comparedWithOtherBuild);
  const plan = cases
    .filter(({ name }) => among(name, values.case))
    .map((measured) => {
      // Cases selected by name are measured in quick mode too.
      const byName = values.case.length > 0 || values.server.length > 0;
      const names = values.quick && !byName ? measured.quick : measured.servers;
      return { measured, compared: servers.filter(({ name }) => names.includes(name) && among(name, values.server)) };
    });

  return runAll({
    plan: plan.filter(({ compared }) => compared.length > 0),
    quick: values.quick,
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
  });
}

function among(name: string, names: readonly string[]): boolean {
  return names.length === 0 || names.includes(name);
}
