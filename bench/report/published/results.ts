import type { Target } from '../../cases/case.ts';
import type { CaseResult, Results } from '../../run.ts';
import type { ServerName } from '../../servers/server.ts';
import { ratio, rounded, spread } from '../ratios.ts';

/** The file that the tables of docs/performance.md come from: docs/performance/results.json. */
export interface Published {
  readonly about: string;
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  /** Medians of each server. */
  readonly costs: readonly PublishedCost[];
  readonly ratios: readonly PublishedRatio[];
}

export interface PublishedCost {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly servers: Readonly<Partial<Record<ServerName, number>>>;
}

/** Without `min` and `max` there was one round. */
export interface PublishedRatio {
  readonly case: string;
  readonly server: ServerName;
  readonly metric: string;
  readonly of?: ServerName | undefined;
  readonly ofMetric?: string | undefined;
  readonly median: number;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** What is published of a run of everything: the costs of each server, and the ratios of Holdfast's targets. */
export function publishedOf({ cases, date, machine }: Results): Published {
  return {
    about: 'Written by npm run generate:figures -- performance --from FILE, of npm run bench -- --json FILE',
    date: date.slice(0, 10),
    node: machine.node.replace(/^v(\d+\.\d+).*/, '$1'),
    machine: `two cores of ${machine.cpu}, Linux ${machine.kernel.replace(/^(\d+\.\d+).*/, '$1')}`,
    costs: cases.flatMap(costsOf),
    ratios: cases.flatMap(ratiosOf),
  };
}

function costsOf(result: CaseResult): PublishedCost[] {
  const servers = [...new Set(result.samples.map(({ server }) => server))];
  return result.metrics.map(({ key, unit }) => ({
    case: result.name,
    metric: key,
    unit,
    servers: Object.fromEntries(
      servers.flatMap((server) => {
        const found = spread(result, server, key);
        return found === undefined ? [] : [[server, rounded(found.median)]];
      }),
    ),
  }));
}

function ratiosOf(result: CaseResult): PublishedRatio[] {
  return targetsOf(result).flatMap(({ server, target }) => {
    const found = ratio(result, target, server);
    if (found === undefined) return [];
    const { metric, of, ofMetric } = target;
    const range = found.rounds === 1 ? {} : { min: rounded(found.min), max: rounded(found.max) };
    return [{ case: result.name, server, metric, of, ofMetric, median: rounded(found.median), ...range }];
  });
}

/** Holdfast's targets, without stretched ones of the same ratio; growth also of the other servers, to show what is usual. */
function targetsOf({ name, targets, samples }: CaseResult): { server: ServerName; target: Target }[] {
  const servers = new Set(samples.map(({ server }) => server));
  const compared = name.startsWith('growth-') ? [...servers] : (['holdfast'] as const);
  const names = targets.map(({ metric, of, ofMetric }) => [metric, of, ofMetric].join());
  const different = targets.filter((_, index) => names.indexOf(names[index] ?? '') === index);
  return different.flatMap((target) => compared.map((server) => ({ server, target })));
}
