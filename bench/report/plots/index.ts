import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metric } from '../../cases/case.ts';
import { pointOf } from '../../cases/growth.ts';
import type { CaseResult, Results } from '../../run.ts';
import type { ServerName } from '../../servers/server.ts';
import { spread, type Spread } from '../ratios.ts';
import { barsSvg, type Bar } from './bars.ts';
import { linesSvg } from './lines.ts';

/** Only CPU and memory. Latencies and saturated rates need the report's notes to be interpreted. */
const UNITS = new Set(['µs', 'KB']);

export interface Plot {
  readonly file: string;
  readonly svg: string;
}

/** Writes all plots into a folder. @returns their number. */
export async function writePlots(results: Results, folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const all = plots(results);
  for (const { file, svg } of all) await writeFile(join(folder, file), svg);
  return all.length;
}

/** A line chart for each growth case, and for other cases a bar chart per metric of CPU or memory. */
export function plots(results: Results): Plot[] {
  return results.cases
    .filter(({ samples }) => samples.length > 0)
    .flatMap((result) =>
      result.metrics.every(({ key }) => pointOf(key) !== undefined)
        ? growthPlot(result, results)
        : result.metrics.flatMap((metric) => (UNITS.has(metric.unit) ? barPlot(result, metric, results) : [])),
    );
}

function barPlot(result: CaseResult, { key, title, unit }: Metric, results: Results): Plot[] {
  const bars = serversOf(result, results).flatMap((server): Bar[] => {
    const found = spread(result, server, key);
    // A server without a figure that did not fail was not measured.
    if (found === undefined && !result.failures.some((failure) => failure.server === server)) return [];
    return [{ title: results.titles[server] ?? server, own: server === 'holdfast', spread: found }];
  });
  if (bars.length === 0) return [];
  const svg = barsSvg(bars, {
    title: `${title} (${unit}), less is better`,
    subtitle: result.title,
    footer: footer(
      results,
      bars.map((bar) => bar.spread),
    ),
    unit,
  });
  return [{ file: `${result.name}-${key}.svg`, svg }];
}

function growthPlot(result: CaseResult, results: Results): Plot[] {
  const lines = serversOf(result, results).map((server) => ({
    title: results.titles[server] ?? server,
    own: server === 'holdfast',
    points: result.metrics.flatMap(({ key }) => {
      const size = pointOf(key);
      const found = spread(result, server, key);
      return size === undefined || found === undefined ? [] : [{ size, spread: found }];
    }),
  }));
  const unit = result.metrics[0]?.unit ?? '';
  const svg = linesSvg(lines, {
    title: `CPU per delivery (${unit}), less is better`,
    subtitle: result.title,
    footer: footer(
      results,
      lines.flatMap(({ points }) => points.map((point) => point.spread)),
    ),
    unit,
    of: result.name.replace(/^growth-/, ''),
  });
  return [{ file: `${result.name}.svg`, svg }];
}

/** In a fixed order, so that each server has the same place in every plot. */
function serversOf({ samples, failures }: CaseResult, { titles }: Results): ServerName[] {
  const there = new Set([...samples, ...failures].map(({ server }) => server));
  const listed = (Object.keys(titles) as ServerName[]).filter((server) => there.has(server));
  return [...new Set([...listed, ...there])];
}

/** The origin of the figures, because a plot may be shown without its report. */
function footer({ machine, date, quick }: Results, spreads: readonly (Spread | undefined)[]): string {
  const rounds = Math.max(1, ...spreads.map((found) => found?.rounds ?? 1));
  return [
    rounds === 1 ? '1 round' : `median of ${rounds} rounds, whisker from the lowest to the highest`,
    ...(quick ? ['quick mode'] : []),
    machine.cpu,
    `Node ${machine.node}`,
    date.slice(0, 10),
  ].join(' · ');
}
