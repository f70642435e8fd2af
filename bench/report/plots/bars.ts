import { scaleLinear } from 'd3-scale';
import type { Spread } from '../ratios.ts';
import { figure } from '../figure.ts';
import { label, round, svg, TOP, WIDTH, type Frame } from './svg.ts';

/** Space for the longest title of a server. */
const LEFT = 176;

/** Space for a figure after the longest bar or whisker. */
const RIGHT = 88;

const ROW = 30;
const BAR = 18;
const CAP = 4;

export interface Bar {
  readonly title: string;
  readonly own: boolean;
  /** Undefined if the measurement failed. */
  readonly spread: Spread | undefined;
}

/** A bar per server as long as its median, starting at zero, so that lengths are proportional to the figures. */
export function barsSvg(bars: readonly Bar[], { unit, ...frame }: Omit<Frame, 'height'> & { unit: string }): string {
  const longest = Math.max(0, ...bars.map(({ spread }) => spread?.max ?? 0));
  // If all figures are zero, any scale works except an empty one.
  const x = scaleLinear([0, longest === 0 ? 1 : longest], [LEFT, WIDTH - RIGHT]);
  const bottom = TOP + bars.length * ROW;
  const ticks = x.ticks(5).flatMap((tick) => {
    const at = round(x(tick));
    return [
      // Only below the bars, so that it does not cross their figures.
      `<line class="grid" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/>`,
      label({ x: at, y: bottom + 18, text: tick.toLocaleString('en'), anchor: 'middle' }),
    ];
  });
  const axis = `<path class="grid" fill="none" d="M${LEFT},${TOP}V${bottom}H${WIDTH - RIGHT}"/>`;
  const rows = bars.flatMap((bar, index) => row(bar, { x, unit, middle: TOP + (index + 0.5) * ROW }));
  return svg({ ...frame, height: bottom + 52 }, [axis, ...ticks, ...rows]);
}

interface Place {
  readonly x: (value: number) => number;
  readonly unit: string;
  readonly middle: number;
}

function row({ title, own, spread }: Bar, { x, unit, middle }: Place): string[] {
  const kind = own ? { kind: 'own' } : {};
  const name = label({ x: LEFT - 8, y: middle + 4, text: title, anchor: 'end', ...kind });
  if (spread === undefined) return [name, label({ x: LEFT + 8, y: middle + 4, text: 'failed' })];
  const { median, min, max, rounds } = spread;
  const [low, high] = [round(x(min)), round(x(max))];
  return [
    name,
    `<rect class="bar${own ? ' own' : ''}" x="${LEFT}" y="${middle - BAR / 2}" width="${round(x(median) - LEFT)}" height="${BAR}"/>`,
    // A single round has no lowest and highest.
    ...(rounds === 1
      ? []
      : [
          `<path class="whisker" d="M${low},${middle - CAP}v${2 * CAP}M${low},${middle}H${high}M${high},${middle - CAP}v${2 * CAP}"/>`,
        ]),
    label({ x: x(max) + 8, y: middle + 4, text: `${figure(median)} ${unit}`, ...kind }),
  ];
}
