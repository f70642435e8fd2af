/** Holdfast beside its peers: each server alone on one core, the load generator on the other. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES } from './cases/index.ts';
import { runAll } from './run.ts';
import { printReport } from './report/table.ts';
import { SERVERS } from './servers/index.ts';
import { profileInto } from './servers/process.ts';

const LOAD_CORE = '1';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true, default: [] },
    server: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    json: { type: 'string' },
    'cpu-prof': { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const caseNames = CASES.map(({ name }) => name);
const serverNames = SERVERS.map(({ name }) => name);

if (values.help) {
  console.log(`npm run bench -- [--quick] [--case NAME…] [--server NAME…] [--rounds N] [--json FILE]

  --quick    less of everything, in less than a minute
  --case     ${caseNames.join(', ')}
  --server   ${serverNames.join(', ')}
  --rounds   how often everything is measured
  --json     where to write all samples
  --cpu-prof a folder for CPU profiles of Holdfast, which cost a little`);
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

if (values['cpu-prof'] !== undefined) profileInto(resolve(values['cpu-prof']));

// An exit by itself ends the servers too, which have nobody else to end them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

// With all of its threads. What it starts begins here too, and servers are then given their own core.
execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', LOAD_CORE, String(process.pid)], { stdio: 'ignore' });

const among = (name: string, names: readonly string[]): boolean => names.length === 0 || names.includes(name);

const plan = CASES.filter(({ name }) => among(name, values.case)).map((measured) => {
  // What is asked for by name is measured in the quick mode too.
  const byName = values.case.length > 0 || values.server.length > 0;
  const names = values.quick && !byName ? measured.quick : measured.servers;
  return { measured, compared: SERVERS.filter(({ name }) => names.includes(name) && among(name, values.server)) };
});

const results = await runAll({
  plan: plan.filter(({ compared }) => compared.length > 0),
  quick: values.quick,
  rounds: values.rounds === undefined ? undefined : Number(values.rounds),
});
printReport(results);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
if (results.cases.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
