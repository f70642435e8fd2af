import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RESULTS_PATH, type Published } from '../bench/report/published/results.js';
import { cost } from '../bench/report/published/tables.js';
import { EXAMPLES, ROOT } from './doc-examples.js';

/** What docs/performance.md is generated from. */
const PUBLISHED = JSON.parse(readFileSync(join(ROOT, RESULTS_PATH), 'utf8')) as Published;

/** The text of a page, with each line break as a space. */
function pageOf(name: string): string {
  return readFileSync(join(ROOT, 'docs', name), 'utf8').replace(/\s+/g, ' ');
}

/** The cells of the row of a table that begins with this text. */
function rowOf(page: string, start: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const row = text.split('\n').find((line) => line.startsWith(`| ${start} `));
  if (row === undefined) throw new Error(`docs/${page} has no row ${start}`);
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('**', ''));
}

describe('figures that several pages state are the same', () => {
  it.each(['6,500', '15,900', '34,800'])('connections of a pod: %s', (figure) => {
    for (const page of ['cost.md', 'scaling.md', 'cheat-sheet.md']) expect(pageOf(page), page).toContain(figure);
  });

  it.each([
    ['a delivery', cost(PUBLISHED, 'broadcast', 'cpu'), ['scaling.md', 'comparison.md', 'cost.md']],
    ['a direct message', cost(PUBLISHED, 'direct', 'cpu'), ['scaling.md', 'comparison.md', 'cost.md']],
    ['a connect', cost(PUBLISHED, 'connect', 'cpu'), ['scaling.md', 'comparison.md', 'cost.md', 'cheat-sheet.md']],
    ['an HTTP publish', cost(PUBLISHED, 'http', 'single'), ['scaling.md', 'comparison.md']],
  ])('CPU of %s: %s', (_name, figure, pages) => {
    // Or `6.4 to 23.9 µs`.
    const number = figure.replace(' µs', '');
    for (const page of pages) expect(pageOf(page), page).toMatch(new RegExp(`\\b${number} (?:µs|to [\\d.]+ µs)`));
  });

  it('the costs of the comparison are those of the benchmark', () => {
    // The rows of one table are the columns of the other.
    const servers = ['Holdfast', '`ws` loop', 'Nest WsAdapter', 'Socket.IO', 'Centrifuge'];
    const cases = [
      'CPU per delivery, 1 message × 1,000',
      'CPU per delivery on a hot channel',
      'CPU per direct message',
      'memory of an idle connection',
      'CPU of a connect',
      'CPU of an HTTP publish',
    ];
    const measured = servers.map((server) => rowOf('performance.md', server).slice(1));
    cases.forEach((name, index) => {
      const stated = rowOf('comparison.md', name).slice(1);
      expect(
        stated.map((cell) => cell.replace(/ \(.*/, '')),
        name,
      ).toEqual(measured.map((row) => row[index]));
    });
  });

  it('the rollouts of the comparison are those of the end-to-end run', () => {
    for (const [row, fault] of [
      ['rolling restart', 'a rolling restart, twice in a row'],
      ['pod deleted by force', 'kubectl delete pod --force'],
    ] as const) {
      const [, , lost, , , , library = ''] = rowOf('resilience.md', fault);
      const stated = rowOf('comparison.md', row).at(-1) ?? '';
      expect(stated).toContain(`${lost} lost`);
      const disconnected = /^(\d+) clients/.exec(library)?.[1];
      expect(stated).toContain(disconnected === undefined ? 'nobody disconnected' : `${disconnected} disconnected`);
    }
    const theirs = rowOf('resilience.md', 'rolling restart')
      .slice(1)
      .map((cell) => /^[\d.]+ % lost|^0 lost/.exec(cell)?.[0]);
    rowOf('comparison.md', 'rolling restart')
      .slice(1, 4)
      .forEach((cell, index) => expect(cell).toContain(theirs[index]));
    const [, messages = ''] = rowOf('resilience.md', 'a rolling update to another image tag');
    expect(pageOf('index.md')).toContain(`Of ${Number(messages).toLocaleString('en')} messages none was lost`);
  });

  it('the calculator prints what the page says', () => {
    const calculator = EXAMPLES.find(({ page, language }) => page === 'docs/scaling.md' && language === 'sh');
    const { stdout, stderr } = spawnSync('bash', ['-euc', calculator?.text ?? ''], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(pageOf('scaling.md')).toContain(`It prints \`${stdout.trim()}\``);
  });
});
