import { scaleLinear, scaleLog } from 'd3-scale';
import type { Spread } from '../ratios.ts';
import { figure } from '../figure.ts';
import { label, round, svg, TOP, WIDTH, type Frame } from './svg.ts';

const LEFT = 56;

/** Space for the names at the ends of the lines, with their last figure. */
const RIGHT = 190;

const PANEL = 240;

/** The minimum distance between names. */
const NAME = 16;

/** Dashes, because the other lines are all grey. */
const DASHES = ['', '6 3', '2 3', '9 3 2 3'];

export interface Line {
  readonly title: string;
  readonly own: boolean;
  readonly points: readonly { readonly size: number; readonly spread: Spread }[];
}

interface Axes extends Omit<Frame, 'height'> {
  readonly unit: string;
  /** What grows. */
  readonly of: string;
}

/** The cost of a delivery over a growing size. The cost axis starts at zero, so that slopes are not exaggerated. */
export function linesSvg(lines: readonly Line[], { unit, of, ...frame }: Axes): string {
  const drawn = lines.filter(({ points }) => points.length > 0);
  const sizes = [...new Set(drawn.flatMap(({ points }) => points.map(({ size }) => size)))].toSorted((a, b) => a - b);
  const highest = Math.max(0, ...drawn.flatMap(({ points }) => points.map(({ spread }) => spread.max)));
  const bottom = TOP + PANEL;
  const x = scaleLog([sizes[0] ?? 1, sizes.at(-1) ?? 1], [LEFT, WIDTH - RIGHT]);
  const y = scaleLinear([0, highest === 0 ? 1 : highest], [bottom, TOP + 8]).nice(5);
  const grid = y.ticks(5).flatMap((tick) => {
    const at = round(y(tick));
    return [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`,
      label({ x: LEFT - 8, y: at + 4, text: tick.toLocaleString('en'), anchor: 'end' }),
    ];
  });
  // Only the measured sizes.
  const ticks = sizes.map((size) =>
    label({ x: x(size), y: bottom + 18, text: size.toLocaleString('en'), anchor: 'middle' }),
  );
  const axis = label({ x: (LEFT + WIDTH - RIGHT) / 2, y: bottom + 36, text: `${of} (logarithmic)`, anchor: 'middle' });
  const ends = apart(drawn.map(({ points }) => y(points.at(-1)?.spread.median ?? 0)));
  let others = 0;
  const marks = drawn.map((line, index) => {
    const dash = line.own ? '' : (DASHES[others % DASHES.length] ?? '');
    if (!line.own) others += 1;
    return mark(line, { x, y, dash, end: ends[index] ?? 0, unit });
  });
  // The last line is on top, so Holdfast is drawn last.
  const order = [...marks.keys()].toSorted((a, b) => Number(drawn[a]?.own) - Number(drawn[b]?.own));
  return svg({ ...frame, height: bottom + 64 }, [...grid, ...ticks, axis, ...order.flatMap((at) => marks[at] ?? [])]);
}

interface Place {
  readonly x: (size: number) => number;
  readonly y: (cost: number) => number;
  readonly dash: string;
  /** The position of its name, which may have been moved by others. */
  readonly end: number;
  readonly unit: string;
}

function mark({ title, own, points }: Line, { x, y, dash, end, unit }: Place): string[] {
  const kind = own ? ' own' : '';
  const at = points.map(({ size, spread }) => ({ x: round(x(size)), y: round(y(spread.median)), spread }));
  const last = points.at(-1)?.spread.median ?? 0;
  return [
    `<polyline class="line${kind}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`} points="${at.map((point) => `${point.x},${point.y}`).join(' ')}"/>`,
    ...at.map((point) => `<circle class="point${kind}" cx="${point.x}" cy="${point.y}" r="3.5"/>`),
    ...at.flatMap(({ x: across, spread: { min, max, rounds } }) =>
      rounds === 1 ? [] : [`<path class="whisker" d="M${across},${round(y(min))}V${round(y(max))}"/>`],
    ),
    label({
      x: WIDTH - RIGHT + 12,
      y: end + 4,
      text: `${title}, ${figure(last)} ${unit}`,
      ...(own ? { kind: 'own' } : {}),
    }),
  ];
}

/** Moves heights apart so that names do not overlap, in the same order. */
export function apart(heights: readonly number[]): number[] {
  const moved = [...heights];
  let limit = Infinity;
  // From the bottom up, because the axis is below, and there is space above.
  for (const index of [...heights.keys()].toSorted((a, b) => (heights[b] ?? 0) - (heights[a] ?? 0))) {
    const height = Math.min(heights[index] ?? 0, limit);
    moved[index] = height;
    limit = height - NAME;
  }
  return moved;
}
