import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { escapeXml, label, round } from '../report/plots/svg.ts';
import type { Second } from './model/timeline.ts';

const WIDTH = 760;
const LEFT = 64;
const RIGHT = 16;
const PANEL = 90;
const SPACE = 34;
const TOP = 62;

interface Panel {
  readonly title: string;
  readonly value: (second: Second) => number;
  /** What this must not exceed, if there is such a limit. */
  readonly limit?: number;
}

const PANELS: readonly Panel[] = [
  { title: 'Connects a second on the busiest pod', value: ({ busiest }) => busiest },
  { title: 'Clients without a connection', value: ({ away }) => away },
  {
    title: 'Commands sent to Redis a second, including those inside scripts',
    value: ({ redisCommands }) => redisCommands,
  },
  {
    title: 'The longest wait for Redis, in ms: from 2,000 ms on, pods count it as down',
    value: ({ redisWait }) => redisWait,
    limit: 2_000,
  },
];

export interface Plot {
  readonly title: string;
  readonly subtitle: string;
  readonly seconds: readonly Second[];
  /** How many seconds are shown. */
  readonly shown: number;
}

/** A simulation, second by second, for light and dark pages. */
export function timelineSvg({ title, subtitle, seconds, shown }: Plot): string {
  const drawn = seconds.slice(0, shown);
  const x = scaleLinear([0, Math.max(1, drawn.length - 1)], [LEFT, WIDTH - RIGHT]);
  const height = TOP + PANELS.length * (PANEL + SPACE) + 20;
  const panels = PANELS.map(({ title: name, value, limit }, index) => {
    const top = TOP + index * (PANEL + SPACE);
    const highest = drawn.reduce((most, second) => Math.max(most, value(second)), 1);
    const y = scaleLinear([0, highest], [top + PANEL, top]).nice(3);
    const grid = y.ticks(3).map((tick) => {
      const at = round(y(tick));
      const text = label({ x: LEFT - 6, y: at + 4, text: tick.toLocaleString('en'), anchor: 'end' });
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>${text}`;
    });
    const path = line<Second>(
      (_, second) => round(x(second)),
      (second) => round(y(value(second))),
    );
    const isExceeded = limit !== undefined && highest > limit;
    const bound = isExceeded
      ? `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(limit))}" y2="${round(y(limit))}"/>`
      : '';
    return `${grid.join('')}<path class="line" d="${path(drawn) ?? ''}"/>${bound}${label({ x: LEFT, y: top - 8, text: name, kind: 'title' })}`;
  });
  const times = x
    .ticks(10)
    .map((tick) => label({ x: x(tick), y: height - SPACE + 6, text: `${tick} s`, anchor: 'middle' }));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">
<style>
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; fill: #24292f }
  .grid { stroke: #d0d7de }
  .line { fill: none; stroke: #0072b2; stroke-width: 2 }
  .limit { stroke: #d55e00; stroke-dasharray: 6 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title { fill: #e6edf3 }
    .grid { stroke: #30363d }
    .line { stroke: #56b4e9 }
  }
</style>
${label({ x: 8, y: 18, text: title, kind: 'title' })}
${label({ x: 8, y: 34, text: subtitle })}
${panels.join('\n')}
${times.join('\n')}
</svg>
`;
}
