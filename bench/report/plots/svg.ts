export const WIDTH = 760;

/** The top of the marks, below the two lines of the title. */
export const TOP = 56;

/** The texts around the marks, which make the plot readable on its own. */
export interface Frame {
  readonly title: string;
  readonly subtitle: string;
  readonly footer: string;
  readonly height: number;
}

/**
 * A plot for light and dark pages: it follows the reader's setting, even as an image in a page. The blue is from the Okabe–Ito
 * palette, which can be distinguished with every kind of colour vision; the other servers are grey, because the comparison
 * is always with Holdfast.
 */
export function svg({ title, subtitle, footer, height }: Frame, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(`${title}: ${subtitle}`)}">
<style>
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 14px; font-weight: 600; fill: #24292f }
  .footer { font-size: 11px }
  .own { font-weight: 600; fill: #0072b2 }
  .grid { stroke: #d0d7de }
  .bar { fill: #afb8c1 }
  .bar.own { fill: #0072b2 }
  .whisker { fill: none; stroke: #24292f; stroke-width: 1.5 }
  .line { fill: none; stroke: #8c959f; stroke-width: 1.5 }
  .line.own { stroke: #0072b2; stroke-width: 2.5 }
  .point { fill: #8c959f }
  .point.own { fill: #0072b2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title { fill: #e6edf3 }
    .own { fill: #56b4e9 }
    .grid { stroke: #30363d }
    .bar { fill: #565f69 }
    .bar.own { fill: #0072b2 }
    .whisker { stroke: #e6edf3 }
    .line { stroke: #848d97 }
    .line.own { fill: none; stroke: #56b4e9 }
    .point { fill: #848d97 }
    .point.own { fill: #56b4e9 }
  }
</style>
${label({ x: 8, y: 20, text: title, kind: 'title' })}
${label({ x: 8, y: 38, text: subtitle })}
${body.join('\n')}
${label({ x: 8, y: height - 8, text: footer, kind: 'footer' })}
</svg>
`;
}

interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly kind?: string;
}

export function label({ x, y, text, anchor = 'start', kind }: Label): string {
  const styled = kind === undefined ? '' : ` class="${kind}"`;
  return `<text${styled} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}

/** More digits are not visible, and would only make the files larger. */
export function round(coordinate: number): number {
  return Math.round(coordinate * 10) / 10;
}

/** Titles may contain any characters. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
