/** Holdfast beside its peers: each server alone on one core, the load generator on the other. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CASES } from './cases/index.ts';
import { runAll } from './run.ts';
import { printReport } from './report/table.ts';
import { SERVERS } from './servers/index.ts';

const LOAD_CORE = '1';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true, default: [] },
    server: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    json: { type: 'string' },
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
  --json     where to write all samples`);
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

// With all of its threads. What it starts begins here too, and servers are then given their own core.
execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', LOAD_CORE, String(process.pid)], { stdio: 'ignore' });

const wanted = <T extends { readonly name: string }>(all: readonly T[], names: readonly string[]): T[] =>
  all.filter(({ name }) => names.length === 0 || names.includes(name));

const results = await runAll({
  cases: wanted(CASES, values.case).filter(({ quick }) => quick || !values.quick || values.case.length > 0),
  servers: wanted(SERVERS, values.server),
  quick: values.quick,
  rounds: values.rounds === undefined ? undefined : Number(values.rounds),
});
printReport(results);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
if (results.cases.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
