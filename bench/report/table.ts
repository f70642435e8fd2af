import type { Sample, Target } from '../cases/case.ts';
import type { CaseResult, Results } from '../run.ts';
import type { ServerName } from '../servers/server.ts';
import { digits, spreadFigure } from './figure.ts';
import { percent } from './percent.ts';
import { ratio, spread, type Spread } from './ratios.ts';
import { printRows } from './rows.ts';

/** The maximum share of the load generator's time. */
const STRAINED = 0.9;

/** The maximum share of the servers' core. */
const DISTURBED = 0.15;

/** Prints ratios first, because they carry over to other machines, then the measured values. */
export function printReport(results: Results): void {
  const { machine, date, titles, unavailable, cases } = results;
  console.log(`\nHoldfast beside its peers, ${date}\n${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}`);
  for (const [name, reason] of Object.entries(unavailable)) {
    console.log(`${titles[name as ServerName] ?? name}: left out, it ${reason}`);
  }
  console.log('\nRatios: median of the rounds (lowest–highest)\n');
  const rows = cases.flatMap((result) => result.targets.flatMap((target) => ratioRow(result, target, titles)));
  printRows([['case', 'what', 'ratio', 'target', ''], ...rows]);
  for (const result of cases) printCase(result, titles);
}

function ratioRow(result: CaseResult, target: Target, titles: Results['titles']): string[][] {
  const found = ratio(result, target);
  if (found === undefined) return [];
  const title = (key: string): string => result.metrics.find((metric) => metric.key === key)?.title ?? key;
  const { metric, of, ofMetric, bound, stretch } = target;
  const other = [of === undefined ? undefined : titles[of], ofMetric === undefined ? undefined : title(ofMetric)];
  const sign = result.metrics.find(({ key }) => key === metric)?.moreIsBetter === true ? '≥' : '≤';
  return [
    [
      result.name,
      `${title(metric)} ÷ ${other.filter((part) => part !== undefined).join(', ')}`,
      spreadFigure(found, 2),
      `${sign} ${bound}${stretch === true ? ' (stretch)' : ''}`,
      found.met ? 'met' : stretch === true ? '' : 'MISSED',
    ],
  ];
}

function printCase(result: CaseResult, titles: Results['titles']): void {
  console.log(`\n${result.name}: ${result.title}\n`);
  if (result.leftOut !== undefined) console.log(`  left out, it ${result.leftOut}`);
  const servers = [...new Set(result.samples.map(({ server }) => server))];
  const head = ['', ...result.metrics.map(({ title, unit }) => `${title} (${unit})`)];
  const rows = servers.map((server) =>
    [titles[server] ?? server].concat(result.metrics.map(({ key }) => cell(spread(result, server, key)))),
  );
  if (rows.length > 0) printRows([head, ...rows]);
  const notes = result.samples.flatMap(({ server, round, sample }) =>
    [...(sample.notes ?? []), ...warnings(sample)].map(
      (note) => `${titles[server] ?? server}, round ${round + 1}: ${note}`,
    ),
  );
  const failures = result.failures.map(
    ({ server, round, error }) => `${titles[server] ?? server}, round ${round + 1}: FAILED, ${error}`,
  );
  for (const line of [...notes, ...failures]) console.log(`  ${line}`);
}

/** Warns if the load generator was a bottleneck, or other programs used the servers' core. */
function warnings({ conditions }: Sample): string[] {
  if (conditions === undefined) return [];
  const { busy, others } = conditions;
  return [
    ...(busy > STRAINED
      ? [`the load generator was busy ${percent(busy)} of the time: latencies are partly its own`]
      : []),
    ...(others > DISTURBED
      ? [
          `other programs used ${percent(others)} of the server's core: latencies, and writes that late turns merge, are partly theirs`,
        ]
      : []),
  ];
}

function cell(found: Spread | undefined): string {
  return found === undefined ? '–' : spreadFigure(found, digits(found.median));
}
