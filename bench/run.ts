import { arch, cpus, release } from 'node:os';
import type { Case, Sample, Scale } from './cases/case.ts';
import { availableTokens } from './load/tokens.ts';
import { Unavailable, type Server, type ServerName } from './servers/server.ts';

export interface RunOptions {
  /** The cases with their servers. */
  readonly plan: readonly { readonly measured: Case; readonly compared: readonly Server[] }[];
  readonly quick: boolean;
  readonly rounds: number | undefined;
}

/** The result of one case: a sample per server and successful round. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly metrics: Case['metrics'];
  readonly targets: Case['targets'];
  readonly samples: { readonly server: ServerName; readonly round: number; readonly sample: Sample }[];
  /** Why the case was not measured. */
  leftOut?: string;
  readonly failures: { readonly server: ServerName; readonly round: number; readonly error: string }[];
}

export interface Results {
  readonly machine: { readonly cpu: string; readonly kernel: string; readonly arch: string; readonly node: string };
  readonly date: string;
  readonly quick: boolean;
  readonly titles: Readonly<Partial<Record<ServerName, string>>>;
  /** Why a server is not available. */
  readonly unavailable: Partial<Record<ServerName, string>>;
  readonly cases: readonly CaseResult[];
}

const FULL: Scale = { quick: false, seconds: 4, warmUp: 2 };
const QUICK: Scale = { quick: true, seconds: 1.2, warmUp: 0.8 };
const ROUNDS = { full: 3, quick: 1 };

/** Enough tokens for every case and the publisher. */
const TOKENS = 10_100;

/**
 * Measures in rounds. In each round every server runs every case, in a different order, so that other activity of the
 * machine affects all of them equally.
 */
export async function runAll({ plan, quick, rounds }: RunOptions): Promise<Results> {
  const unavailable: Results['unavailable'] = {};
  const servers = new Set(plan.flatMap(({ compared }) => compared));
  for (const server of servers) {
    try {
      await server.prepare?.();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      unavailable[server.name] = error.message;
      progress(`${server.title}: left out, it ${error.message}`);
    }
  }
  await availableTokens(TOKENS);

  const results = plan.map(({ measured: { name, title, metrics, targets } }): CaseResult => {
    return { name, title, metrics, targets, samples: [], failures: [] };
  });
  const total = rounds ?? (quick ? ROUNDS.quick : ROUNDS.full);
  for (let round = 0; round < total; round += 1) {
    for (const [index, { measured, compared }] of plan.entries()) {
      const { name, maxRounds = total } = measured;
      if (round >= maxRounds) continue;
      for (const server of rotated(compared, round)) {
        if (unavailable[server.name] !== undefined) continue;
        progress(`round ${round + 1} of ${Math.min(total, maxRounds)}: ${name}, ${server.title}`);
        try {
          const sample = await measured.run(server, quick ? QUICK : FULL);
          results[index]?.samples.push({ server: server.name, round, sample });
        } catch (error) {
          const result = results[index];
          if (error instanceof Unavailable && result !== undefined) {
            result.leftOut = error.message;
            progress(`${name}: left out, it ${error.message}`);
            continue;
          }
          result?.failures.push({ server: server.name, round, error: String(error) });
          progress(`${name}, ${server.title}: ${String(error)}`);
        }
      }
    }
  }
  return {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', kernel: release(), arch: arch(), node: process.version },
    date: new Date().toISOString(),
    quick,
    titles: Object.fromEntries([...servers].map(({ name, title }) => [name, title])),
    unavailable,
    cases: results,
  };
}

/** Rotates a list. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/** Logs to stderr, because stdout is for the report. */
function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
