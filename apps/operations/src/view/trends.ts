import { element, setText } from '@holdfast/page/dom';
import { formatCount, formatRate } from '../model/format.js';
import type { Look, Rates } from '../model/rates.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 120;
const HEIGHT = 32;

const TRENDS: readonly {
  readonly label: string;
  readonly of: keyof Look;
  readonly format: (value: number) => string;
}[] = [
  { label: 'Published', of: 'published', format: formatRate },
  { label: 'Delivered', of: 'messagesOut', format: formatRate },
  { label: 'Frames received', of: 'framesIn', format: formatRate },
  { label: 'Connections', of: 'connections', format: formatCount },
];

/** Rates, each with a line of about the last minute. */
export class Trends {
  readonly element = element('dl', { class: 'tiles trends' });
  readonly #shown = TRENDS.map(({ label, of, format }) => {
    const line = document.createElementNS(SVG, 'polyline');
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(line);
    const value = element('span');
    this.element.append(element('div', {}, element('dt', {}, label), element('dd', {}, value, svg)));
    return { line, value, of, format };
  });

  render({ looks }: Rates): void {
    const latest = looks.at(-1);
    for (const { line, value, of, format } of this.#shown) {
      setText(value, latest === undefined ? '…' : format(latest[of]));
      line.setAttribute('points', pointsOf(looks.map((look) => look[of])));
    }
  }
}

/** From the left to the right, 0 at the bottom. */
function pointsOf(values: readonly number[]): string {
  const max = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1 - (value / max) * (HEIGHT - 2)).toFixed(1)}`)
    .join(' ');
}
