import { max, median, min } from 'simple-statistics';
import type { Target } from '../cases/case.ts';
import type { CaseResult } from '../run.ts';
import type { ServerName } from '../servers/server.ts';

/** The middle of several rounds, and how far they were apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

export interface Ratio extends Spread {
  readonly target: Target;
  readonly met: boolean;
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const copy = [...values];
  return { median: median(copy), min: min(copy), max: max(copy), rounds: copy.length };
}

/** Three digits are more than rounds agree on. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** The spread of a metric over a server's rounds. */
export function spread(result: CaseResult, server: ServerName, metric: string): Spread | undefined {
  return spreadOf([...byRound(result, server, metric).values()]);
}

/**
 * The ratio of a server, by default Holdfast, to another one or to another metric of its own. It is computed within each round,
 * because a slowdown of the machine affects both. Undefined if no round has both.
 */
export function ratio(result: CaseResult, target: Target, server: ServerName = 'holdfast'): Ratio | undefined {
  const { metric, of = server, ofMetric = metric, bound } = target;
  const own = byRound(result, server, metric);
  const others = byRound(result, of, ofMetric);
  const ratios = [...own].flatMap(([round, value]) => {
    const other = others.get(round);
    return other === undefined ? [] : [value / other];
  });
  const found = spreadOf(ratios);
  if (found === undefined) return undefined;
  const moreIsBetter = result.metrics.find(({ key }) => key === metric)?.moreIsBetter ?? false;
  return { ...found, target, met: moreIsBetter ? found.median >= bound : found.median <= bound };
}

function byRound({ samples }: CaseResult, server: ServerName, metric: string): Map<number, number> {
  return new Map(
    samples.flatMap(({ server: name, round, sample }) => {
      const value = sample.values[metric];
      // What is not a number is null in a file.
      return name === server && value !== undefined && Number.isFinite(value) ? [[round, value] as const] : [];
    }),
  );
}
