import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { figure } from '../report/figure.ts';
import { loadModel } from './load.ts';
import type { FailoverOutcome } from './model/failover.ts';
import type { Outcome } from './model/scenarios.ts';
import { timelineSvg } from './plots.ts';
import { LOW_RATE, measureReality, REAL, type Times } from './reality.ts';
import {
  checkTable,
  scenarioOf,
  scenariosTable,
  type CheckedFault,
  type ScaleResults,
  type Scenario,
} from './table.ts';

/** A million connections on paper: `npm run bench -- scale`. */
export async function simulateScale(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      check: { type: 'boolean', default: false },
      scenario: { type: 'string', multiple: true, default: [] },
      plots: { type: 'string' },
      json: { type: 'string' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(`npm run bench -- scale [--scenario NAME…] [--plots DIR] [--json FILE] [--seed N]
npm run bench -- scale --check [--json FILE]

  --scenario node, zone, zone-limited, zone-cluster, rollout, redis, redis-cluster
  --plots    a folder for the timelines
  --json     a file for the figures
  --seed     of the random numbers: the same seed has the same result
  --check    compares the model with three gateway processes and 3,000 clients on this machine, in about 4 minutes`);
    return;
  }
  if (values.check) await check(values.json);
  else await simulateMillion({ ...values, seed: Number(values.seed) });
}

interface Options {
  readonly seed: number;
  readonly scenario: readonly string[];
  readonly plots?: string | undefined;
  readonly json?: string | undefined;
}

async function simulateMillion({ seed, scenario: names, plots, json }: Options): Promise<void> {
  const { MILLION, KUBERNETES, failover, podsLost, rollout, simulate } = await loadModel();
  const limited = { ...MILLION, rate: { burst: 200, perSecond: 200 } };
  const sharded = { ...MILLION, redis: { ...MILLION.redis, shards: 6 } };
  const scenarios: readonly (readonly [string, string, () => Outcome | FailoverOutcome])[] = [
    ['node', 'a node lost with 5 of 50 pods', () => simulate('node', MILLION, podsLost(5, KUBERNETES), seed)],
    ['zone', 'a zone lost with 17 of 50 pods', () => simulate('zone', MILLION, podsLost(17, KUBERNETES), seed)],
    [
      'zone-limited',
      'the same with 200 connects at once and 200 a second',
      () => simulate('zone', limited, podsLost(17, KUBERNETES), seed),
    ],
    [
      'zone-cluster',
      'the zone lost with the default limits and a Redis Cluster of 6',
      () => simulate('zone', sharded, podsLost(17, KUBERNETES), seed),
    ],
    ['rollout', 'a rollout, one pod at a time', () => simulate('rollout', MILLION, rollout(KUBERNETES), seed)],
    ['redis', 'Redis failed over within 5 s', () => failover('redis', MILLION, 5_000, seed)],
    ['redis-cluster', 'the same with a Redis Cluster of 6', () => failover('redis', sharded, 5_000, seed)],
  ];
  if (plots !== undefined) await mkdir(plots, { recursive: true });
  const found: Scenario[] = [];
  for (const [file, title, run] of scenarios) {
    if (names.length > 0 && !names.includes(file)) continue;
    process.stderr.write(`${title}\n`);
    const outcome = run();
    found.push(scenarioOf(title, outcome));
    if (plots === undefined) continue;
    const subtitle = `${MILLION.pods} pods × ${MILLION.clientsPerPod.toLocaleString('en')} clients, simulated`;
    const shown = Math.ceil(Math.max(outcome.last, 'restored' in outcome ? outcome.restored : outcome.subscribed)) + 5;
    await writeFile(`${plots}/${file}.svg`, timelineSvg({ title, subtitle, seconds: outcome.seconds, shown }));
  }
  console.log(scenariosTable(found));
  if (json === undefined) return;
  await writeResults(json, { simulation: { date: new Date().toISOString(), seed, scenarios: found } });
}

/** The same with three pods, in the model and on this machine. */
async function check(json: string | undefined): Promise<void> {
  // Exit normally, so that the servers are stopped too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const { MILLION, KUBERNETES, failover, podDrained, podsKilled, simulate } = await loadModel();
  const real = await measureReality(MILLION.rate);
  const { acceptCost, clientCost } = real;
  const { pods, clientsPerPod, settle, window, redisAway } = REAL;
  const settings = { ...MILLION, pods, clientsPerPod, roundTrip: 1, acceptCost, refuseCost: acceptCost, clientCost };
  const here = { ...KUBERNETES, settle, window, noticesContainer: 0 };
  const killed = simulate('killed', settings, podsKilled(1, here));
  const low = simulate('killed', { ...settings, rate: LOW_RATE }, podsKilled(1, here));
  const drained = simulate('drained', settings, podDrained(here));
  const restarted = failover('Redis', settings, redisAway);
  const faults = [
    compared(`SIGTERM of a pod, ${settle / 1_000} s to settle and ${window / 1_000} s to drain`, drained, real.drained),
    compared(
      `kill -9, ${LOW_RATE.burst} connects at once and ${LOW_RATE.perSecond} a second`,
      low,
      real.killedWithLowRate,
    ),
    compared('kill -9, the default limits', killed, real.killed),
    compared('Redis restarted', restarted, real.redisRestarted),
  ];
  console.log(
    `A connect costs a pod ${figure(acceptCost, 2)} ms of CPU, and the clients ${figure(clientCost, 2)} ms.\n`,
  );
  console.log(checkTable(faults));
  if (json !== undefined) await writeResults(json, { check: { date: new Date().toISOString(), faults } });
}

function compared(fault: string, { half, most, last }: Outcome | FailoverOutcome, times: Times): CheckedFault {
  const measured = [0.5, 0.9, 1].map((share) => times[Math.ceil(times.length * share) - 1] ?? NaN);
  return { fault, model: [half, most, last], measured };
}

async function writeResults(file: string, results: Partial<ScaleResults>): Promise<void> {
  await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
}
