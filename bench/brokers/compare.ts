import { readFile, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { availableTokens } from '../load/tokens.ts';
import { rotated } from '../run.ts';
import { LOAD_CORE, pinTo } from '../servers/pin.ts';
import { profileInto, SERVER_CORE } from '../servers/process.ts';
import { BROKER_CASES, type BrokerCase } from './cases.ts';
import { FULL, QUICK, type Figures } from './measures/measure.ts';
import { BROKERS, type Broker, type SingleServer } from './servers.ts';
import { asMarkdown } from './table.ts';

const ROUNDS = { full: 3, quick: 1 };
/** Bounds the whole run: what takes longer has failed. */
const CASE_WITHIN_MS = 180_000;

export interface BrokerSample {
  readonly broker: string;
  readonly case: string;
  readonly round: number;
  readonly figures?: Figures;
  readonly error?: string;
}

export interface BrokerResults {
  readonly machine: string;
  readonly date: string;
  readonly samples: readonly BrokerSample[];
}

/** Compares the brokers: `npm run bench -- brokers`. */
export async function compareBrokers(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      broker: { type: 'string', multiple: true, default: [] },
      case: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      'cpu-prof': { type: 'string' },
      from: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(`npm run bench -- brokers [--quick] [--broker NAME…] [--case NAME…] [--rounds N] [--json FILE] [--markdown FILE]
npm run bench -- brokers --from FILE… [--markdown FILE]

  --broker   ${BROKERS.map(({ name }) => name).join(', ')}
  --case     ${BROKER_CASES.map(({ name }) => name).join(', ')}
  --quick    one short round
  --json     a file for all samples
  --markdown a file for the tables, which are printed anyway
  --cpu-prof a folder for CPU profiles of all pods
  --from     --json files of earlier runs on this machine, to report on them together without measuring`);
    return;
  }
  const results = values.from === undefined ? await measure(values) : await earlier(values.from);
  const markdown = asMarkdown(results);
  console.log(markdown);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (values.markdown !== undefined) await writeFile(values.markdown, markdown);
}

/** Several runs as one with more rounds. */
async function earlier(files: readonly string[]): Promise<BrokerResults> {
  const runs = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as BrokerResults));
  const [first] = runs;
  if (first === undefined) throw new TypeError('no file');
  return { ...first, samples: runs.flatMap(({ samples }) => samples) };
}

interface MeasureOptions {
  readonly quick: boolean;
  readonly broker: readonly string[];
  readonly case: readonly string[];
  readonly rounds?: string;
  readonly 'cpu-prof'?: string;
}

async function measure(values: MeasureOptions): Promise<BrokerResults> {
  const brokers = BROKERS.filter(({ name }) => among(name, values.broker));
  const cases = BROKER_CASES.filter(({ name }) => among(name, values.case));
  const rounds = values.rounds === undefined ? ROUNDS[values.quick ? 'quick' : 'full'] : Number(values.rounds);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  if (values['cpu-prof'] !== undefined) profileInto(resolve(values['cpu-prof']));
  pinTo([LOAD_CORE]);

  const scale = values.quick ? QUICK : FULL;
  await availableTokens(scale.connections * 2);
  const samples: BrokerSample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const measured of cases) {
      // Side by side: one broker after the other runs each case, in a different order in each round.
      for (const broker of rotated(brokers, round)) {
        if (measured.except?.includes(broker.name) === true) continue;
        if (measured.clustered !== undefined && broker.startCluster === undefined) continue;
        process.stderr.write(`round ${round + 1} of ${rounds}: ${measured.name}, ${broker.title}\n`);
        const sample = { broker: broker.name, case: measured.name, round };
        try {
          const figures = await inTime(run(measured, broker, `bench${round}${measured.name}`, scale));
          process.stderr.write(`  ${JSON.stringify(figures)}\n`);
          samples.push({ ...sample, figures });
        } catch (error) {
          process.stderr.write(`  FAILED: ${String(error)}\n`);
          samples.push({ ...sample, error: String(error) });
          process.exitCode = 1;
        }
      }
    }
  }
  await closeServers();
  const machine = `${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`;
  return { machine, date: new Date().toISOString(), samples };
}

const singles = new Map<Broker, SingleServer>();

async function run(measured: BrokerCase, broker: Broker, name: string, scale: typeof FULL): Promise<Figures> {
  if (measured.clustered !== undefined) return clustered(measured.clustered, broker, name);
  if (measured.single === undefined) throw new TypeError('nothing to measure');
  if (broker.start === undefined) return measured.single({ url: () => 'memory:' }, name, scale, 1);
  const running = singles.get(broker);
  const server = running ?? (await broker.start());
  singles.set(broker, server);
  const warmUp = running === undefined ? (broker.warmUp ?? scale.warmUp) : scale.warmUp;
  return measured.single(server, name, { ...scale, warmUp }, 2);
}

/** Three servers and two pods share both cores: it is about seconds, and not about CPU time. */
async function clustered(
  measureOne: NonNullable<BrokerCase['clustered']>,
  broker: Broker,
  name: string,
): Promise<Figures> {
  pinTo([SERVER_CORE, LOAD_CORE]);
  try {
    const cluster = await broker.startCluster?.();
    if (cluster === undefined) throw new TypeError('it has no cluster');
    try {
      return await measureOne(cluster, name);
    } finally {
      await cluster.close();
    }
  } finally {
    pinTo([LOAD_CORE]);
  }
}

async function closeServers(): Promise<void> {
  for (const server of singles.values()) await server.close();
  singles.clear();
}

async function inTime<T>(task: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`took longer than ${CASE_WITHIN_MS / 1000} s`)), CASE_WITHIN_MS);
  try {
    return await Promise.race([task, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function among(name: string, names: readonly string[]): boolean {
  return names.length === 0 || names.includes(name);
}
