import { expect, it } from 'vitest';
import { dashboardSvg, type Line, type Panel } from '../report/dashboard-svg.js';

const PANEL: Panel = { type: 'timeseries', title: 'Lag', gridPos: { x: 8, y: 1, w: 8, h: 8 } };

function drawn(lines: readonly Line[], panel: Partial<Panel> = {}): string {
  const row: Panel = { type: 'row', title: 'Logs & more', gridPos: { x: 0, y: 0, w: 24, h: 1 } };
  return dashboardSvg({
    title: 'Broker',
    times: [0, 1, 2, 3],
    panels: [
      { panel: row, lines: [] },
      { panel: { ...PANEL, ...panel }, lines },
    ],
    faults: [[1, 2]],
  });
}

it('draws each panel at its place in the grid, with its unit, its legend and the faults', () => {
  const fieldConfig = { defaults: { unit: 's' } };
  const svg = drawn([{ name: '<0>', values: [0, 4, 2, 4] }], { fieldConfig });
  expect(svg).toContain('<g transform="translate(400 51)">');
  for (const text of ['Logs &amp; more', 'Lag', '4 s', '&lt;0>']) expect(svg).toContain(`${text}</text>`);
  expect(svg.match(/class="fault"/g)).toHaveLength(1);
  expect(svg).not.toContain('No data');
});

it('interrupts a line where a value is missing', () => {
  const svg = drawn([{ name: 'a', values: [1, undefined, 1, 2] }]);
  const [, path = ''] = /class="line" stroke="#0072b2" d="([^"]*)"/.exec(svg) ?? [];
  expect(path.match(/M/g)).toHaveLength(2);
  expect(path).not.toContain('NaN');
});

it('stacks the lines of a panel that does', () => {
  const lines = ['a', 'b'].map((name) => ({ name, values: [30, 30, 30, 30] }));
  const stacking = { mode: 'normal' };
  expect(drawn(lines, { fieldConfig: { defaults: { custom: { stacking } } } })).toContain('>60</text>');
  expect(drawn(lines)).not.toContain('>60</text>');
});

it('names as many lines as there is room for, and says how many there are besides', () => {
  const lines = Array.from({ length: 9 }, (_, index) => ({ name: `holdfast-6d8f5db9c-aaaa${index}`, values: [1] }));
  expect(drawn(lines)).toContain('and 6 more</text>');
});

it('says that there is no data', () => {
  expect(drawn([])).toContain('No data</text>');
});
