import { scaleLinear } from 'd3-scale';
import { area, line, stack } from 'd3-shape';
import type { Second } from '../load/timeline.js';
import type { FaultRecord } from './records.js';

const WIDTH = 900;
const LEFT = 56;
const RIGHT = 16;
const PANEL = 120;
const SPACE = 34;
const TOP = 44;

/** The Okabe–Ito palette, which can be distinguished with every kind of colour vision. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#999999'];

interface Panel {
  readonly title: string;
  readonly max: number;
  /** The marks, in the panel's own coordinate system. */
  readonly draw: (y: (value: number) => number) => string;
}

/** Draws connections per pod, deliveries, gaps and the slowest delivery, second by second, for light and dark pages. */
export function timelineSvg({ fault, from, to, report: { timeline } }: FaultRecord): string {
  const seconds = Math.max(1, timeline.length - 1);
  const x = scaleLinear([0, seconds], [LEFT, WIDTH - RIGHT]);
  const panels = [connections(timeline, x), deliveries(timeline, x), slowest(timeline, x)];
  const height = TOP + panels.length * (PANEL + SPACE) + 12;
  const bottom = height - SPACE;
  const body = panels.map(({ title, max, draw }, index) => {
    const top = TOP + index * (PANEL + SPACE);
    const y = scaleLinear([0, max], [top + PANEL, top]).nice(4);
    const ticks = y
      .ticks(4)
      .map(
        (tick) =>
          `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/>${label(LEFT - 6, y(tick) + 4, 'end', tick.toLocaleString('en'))}`,
      );
    return `${ticks.join('')}${draw(y)}<text class="title" x="${LEFT}" y="${top - 8}">${title}</text>`;
  });
  const times = x.ticks(10).map((tick) => label(x(tick), bottom + 18, 'middle', `${tick} s`));
  const span = `<rect class="fault" x="${x(from)}" y="${TOP}" width="${Math.max(1, x(to) - x(from))}" height="${bottom - TOP}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${fault}">
<style>
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; fill: #24292f }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .fault { fill: #d55e00; opacity: .1 }
  .delivered { fill: none; stroke: #0072b2; stroke-width: 1.5 }
  .slowest { fill: none; stroke: #d55e00; stroke-width: 1.5 }
  .gap { fill: #d55e00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #8b949e }
    .title { fill: #e6edf3 }
    .grid { stroke: #30363d }
    .fault { opacity: .25 }
    .delivered { stroke: #56b4e9 }
  }
</style>
<text class="title" x="${LEFT}" y="16">${fault}</text>
${span}
${body.join('\n')}
${times.join('')}
</svg>
`;
}

function label(x: number, y: number, anchor: string, text: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
}

type X = (second: number) => number;

function connections(timeline: readonly Second[], x: X): Panel {
  const nodes = [...new Set(timeline.flatMap(({ connections: counts }) => Object.keys(counts)))];
  const layers = stack<Second>()
    .keys(nodes)
    .value(({ connections: counts }, node) => counts[node] ?? 0)(timeline);
  const max = Math.max(
    1,
    ...timeline.map(({ connections: counts }) => Object.values(counts).reduce((a, b) => a + b, 0)),
  );
  return {
    title: 'Open and subscribed connections, by pod',
    max,
    draw: (y) =>
      layers
        .map((layer, index) => {
          const shape = area<(typeof layer)[number]>()
            .x((_, second) => x(second))
            .y0(([low]) => y(low))
            .y1(([, high]) => y(high));
          return `<path fill="${COLOURS[index % COLOURS.length]}" d="${shape(layer) ?? ''}"/>`;
        })
        .join(''),
  };
}

function deliveries(timeline: readonly Second[], x: X): Panel {
  return {
    title: 'Deliveries per second, and reported gaps (marks)',
    max: Math.max(1, ...timeline.map(({ delivered }) => delivered)),
    draw: (y) => {
      const path = line<Second>(
        (entry) => x(entry.second),
        (entry) => y(entry.delivered),
      );
      const gaps = timeline.filter((entry) => entry.gaps > 0);
      return `<path class="delivered" d="${path(timeline as Second[]) ?? ''}"/>${gaps
        .map((entry) => `<circle class="gap" cx="${x(entry.second)}" cy="${y(0)}" r="4"/>`)
        .join('')}`;
    },
  };
}

function slowest(timeline: readonly Second[], x: X): Panel {
  return {
    title: 'The slowest delivery of each second, in ms',
    max: Math.max(10, ...timeline.map((entry) => entry.slowest)),
    draw: (y) => {
      const path = line<Second>(
        (entry) => x(entry.second),
        (entry) => y(entry.slowest),
      );
      return `<path class="slowest" d="${path(timeline as Second[]) ?? ''}"/>`;
    },
  };
}
