import { scaleLinear } from 'd3-scale';
import { area, line, stack } from 'd3-shape';

/** Columns of Grafana's grid, and the pixels of one column and one row. */
const COLUMNS = 24;
const COLUMN = 50;
const ROW = 25;
/** Between panels, and inside of them. */
const SPACE = 8;
const TITLE = 26;
const LEFT = 60;
const LEGEND_LINE = 16;
const LEGEND_LINES = 2;
/** px of a character of the legend, at most. */
const CHARACTER = 6.2;

/** The Okabe–Ito palette, which can be distinguished with every kind of colour vision. Without its yellow and its black, each of which is hard to see on one of the pages. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#999999'];

/** px of the number of the lines that the legend does not name. */
const MORE = 70;

/** A panel of a dashboard in Grafana's format, as far as it is drawn. */
export interface Panel {
  readonly type: string;
  readonly title?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly custom?: { readonly stacking?: { readonly mode: string } } };
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

/** What one line shows: a value for each time, or none. */
export interface Line {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

export interface DrawnPanel {
  readonly panel: Panel;
  readonly lines: readonly Line[];
}

export interface Drawing {
  readonly title: string;
  /** Seconds since the beginning, of each value. */
  readonly times: readonly number[];
  readonly panels: readonly DrawnPanel[];
  /** What is shaded: from and to, in seconds since the beginning. */
  readonly faults: readonly (readonly [from: number, to: number])[];
}

/** Draws a dashboard like Grafana, for light and dark pages. */
export function dashboardSvg({ title, times, panels, faults }: Drawing): string {
  const rows = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  const [width, height] = [COLUMNS * COLUMN, rows * ROW + TITLE];
  const body = panels.map((drawn) => {
    const { x, y } = drawn.panel.gridPos;
    const inner = drawn.panel.type === 'row' ? rowTitle(drawn.panel) : panelSvg(drawn, times, faults);
    return `<g transform="translate(${x * COLUMN} ${y * ROW + TITLE})">${inner}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
  text { font: 11px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; fill: #24292f }
  .page { font-size: 14px }
  .panel { fill: none; stroke: #d0d7de }
  .grid { stroke: #d0d7de; stroke-width: .7 }
  .fault { fill: #d55e00; opacity: .12 }
  .line { fill: none; stroke-width: 1.5; stroke-linejoin: round }
  @media (prefers-color-scheme: dark) {
    text { fill: #8b949e }
    .title { fill: #e6edf3 }
    .panel, .grid { stroke: #30363d }
    .fault { opacity: .3 }
    .line[stroke="#0072b2"] { stroke: #2f9be0 }
  }
</style>
<text class="title page" x="${SPACE}" y="17">${escaped(title)}</text>
${body.join('\n')}
</svg>
`;
}

function rowTitle({ title = '' }: Panel): string {
  return `<text class="title" x="${SPACE}" y="${ROW - 8}">▾ ${escaped(title)}</text>`;
}

function panelSvg({ panel, lines }: DrawnPanel, times: readonly number[], faults: Drawing['faults']): string {
  const { gridPos, title = '', fieldConfig } = panel;
  const [width, height] = [gridPos.w * COLUMN - SPACE, gridPos.h * ROW - SPACE];
  const [top, bottom] = [TITLE + 6, height - LEGEND_LINES * LEGEND_LINE - 22];
  const x = scaleLinear([times[0] ?? 0, times.at(-1) ?? 1], [LEFT, width - SPACE]);
  const isStacked = fieldConfig?.defaults.custom?.stacking?.mode === 'normal';
  const sums = isStacked
    ? times.map((_, index) => lines.reduce((sum, { values }) => sum + (values[index] ?? 0), 0))
    : lines.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const most = sums.reduce((one, other) => Math.max(one, other), 0);
  const { factor, suffix } = unitOf(fieldConfig?.defaults.unit ?? 'short', most);
  const axis = scaleLinear([0, most === 0 ? 1 : most / factor], [bottom, top]).nice(4);
  const y = (value: number): number => axis(value / factor);
  const grid = axis
    .ticks(4)
    .map(
      (tick) =>
        `<line class="grid" x1="${LEFT}" x2="${width - SPACE}" y1="${px(axis(tick))}" y2="${px(axis(tick))}"/>${text(LEFT - 5, axis(tick) + 4, 'end', `${suffix === '' ? COMPACT.format(tick) : tick.toLocaleString('en')}${suffix}`)}`,
    );
  const minutes = MINUTES.filter((second) => second <= (times.at(-1) ?? 0)).map((second) =>
    text(x(second), bottom + 14, 'middle', clock(second)),
  );
  const shades = faults.map(
    ([from, to]) =>
      `<rect class="fault" x="${px(x(from))}" y="${top}" width="${px(Math.max(1, x(to) - x(from)))}" height="${bottom - top}"/>`,
  );
  return [
    `<rect class="panel" x=".5" y=".5" width="${width}" height="${height}" rx="3"/>`,
    `<text class="title" x="${SPACE}" y="18">${escaped(title)}</text>`,
    ...shades,
    ...grid,
    ...minutes,
    ...(isStacked ? areas(lines, times, x, y) : curves(lines, times, x, y)),
    lines.length === 0 ? text(width / 2, (top + bottom) / 2, 'middle', 'No data') : legend(lines, width, bottom + 32),
  ].join('');
}

type Scale = (value: number) => number;

function curves(lines: readonly Line[], times: readonly number[], x: Scale, y: Scale): string[] {
  return lines.map(({ values }, index) => {
    const path = line<number | undefined>()
      .defined((value) => value !== undefined)
      .x((_, at) => px(x(times[at] ?? 0)))
      .y((value) => px(y(value ?? 0)));
    return `<path class="line" stroke="${colour(index)}" d="${path([...values]) ?? ''}"/>`;
  });
}

function areas(lines: readonly Line[], times: readonly number[], x: Scale, y: Scale): string[] {
  const moments = times.map((_, at) => at);
  const layers = stack<number, Line>()
    .keys(lines)
    .value((at, { values }) => values[at] ?? 0)(moments);
  return layers.map((layer, index) => {
    const shape = area<(typeof layer)[number]>()
      .x((_, at) => px(x(times[at] ?? 0)))
      .y0(([low]) => px(y(low)))
      .y1(([, high]) => px(y(high)));
    return `<path fill="${colour(index)}" fill-opacity=".6" d="${shape(layer) ?? ''}"/>`;
  });
}

/** The names of the lines, as many as there is room for, and how many there are besides. */
function legend(lines: readonly Line[], width: number, top: number): string {
  const marks: string[] = [];
  let [x, row] = [SPACE, 0];
  for (const [index, { name }] of lines.entries()) {
    const size = 24 + name.length * CHARACTER;
    const isLast = index === lines.length - 1;
    const room = row === LEGEND_LINES - 1 && !isLast ? MORE : 0;
    if (x + size + room > width && x > SPACE) {
      if (row === LEGEND_LINES - 1) {
        marks.push(text(x, top + row * LEGEND_LINE, 'start', `and ${lines.length - index} more`));
        break;
      }
      [x, row] = [SPACE, row + 1];
    }
    const y = top + row * LEGEND_LINE;
    marks.push(
      `<line class="line" stroke="${colour(index)}" x1="${px(x)}" x2="${px(x + 11)}" y1="${y - 4}" y2="${y - 4}"/>${text(x + 15, y, 'start', name)}`,
    );
    x += size;
  }
  return marks.join('');
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '';
}

function text(x: number, y: number, anchor: string, content: string): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** Rounded to a tenth of a pixel. */
function px(value: number): number {
  return Math.round(value * 10) / 10;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;
}

/** Seconds that the axis of time names. */
const MINUTES = Array.from({ length: 20 }, (_, index) => index * 30);

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const MIB = 2 ** 20;

/** How values of a unit of Grafana are written on an axis: divided by `factor`, and followed by `suffix`. */
function unitOf(unit: string, most: number): { factor: number; suffix: string } {
  switch (unit) {
    case 'percentunit':
      return { factor: 0.01, suffix: ' %' };
    case 's':
      return most < 1 ? { factor: 0.001, suffix: ' ms' } : { factor: 1, suffix: ' s' };
    case 'bytes':
      return most < MIB ? { factor: 1_024, suffix: ' KiB' } : { factor: MIB, suffix: ' MiB' };
    case 'ops':
      return { factor: 1, suffix: '/s' };
    default:
      return { factor: 1, suffix: '' };
  }
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
