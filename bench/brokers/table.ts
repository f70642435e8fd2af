import { digits, figure } from '../report/figure.ts';
import { markdownTable } from '../report/markdown.ts';
import { spreadOf } from '../report/ratios.ts';
import { BROKER_CASES, type BrokerCase, type Column } from './cases.ts';
import type { BrokerResults, BrokerSample } from './compare.ts';
import { BROKERS } from './servers.ts';

/** A table for each case: the median of the rounds, with the lowest and highest. What misses its bound is bold. */
export function asMarkdown({ machine, date, samples }: BrokerResults): string {
  const tables = BROKER_CASES.flatMap((measured) => {
    const own = samples.filter((sample) => sample.case === measured.name);
    return own.length === 0 ? [] : [caseTable(measured, own)];
  });
  return [`Brokers side by side, ${date}\n${machine}\n`, ...tables].join('\n');
}

function caseTable({ title, columns }: BrokerCase, samples: readonly BrokerSample[]): string {
  const shown = columns.filter(({ key }) => samples.some(({ figures }) => figures?.[key] !== undefined));
  const brokers = BROKERS.filter(({ name }) => samples.some(({ broker }) => broker === name));
  const rows = brokers.map(({ name, title: broker }) => {
    const own = samples.filter((sample) => sample.broker === name);
    return [broker].concat(shown.map((column) => cell(column, own, name === 'memory')));
  });
  const failures = samples.flatMap(({ broker, round, error }) =>
    error === undefined ? [] : [`- ${broker}, round ${round + 1}: FAILED, ${error}`],
  );
  return [`### ${title}\n`, markdownTable([['', ...shown.map(heading)], ...rows]), '', ...failures, ''].join('\n');
}

function heading({ title, unit, bound, moreIsBetter = false }: Column): string {
  const limit = bound === undefined ? '' : `, ${moreIsBetter ? '≥' : '≤'} ${figure(bound, 0)}`;
  return `${title}${unit === '' ? '' : ` (${unit}${limit})`}`;
}

function cell(column: Column, samples: readonly BrokerSample[], isExempt: boolean): string {
  const values = samples.flatMap(({ figures }) => figures?.[column.key] ?? []);
  const spread = spreadOf(values);
  if (spread === undefined) return '';
  const { median, min, max, rounds } = spread;
  if (column.isYes === true) return min !== max ? 'sometimes' : min === 1 ? 'yes' : 'no';
  const format = (value: number): string => figure(value, digits(median));
  const text = rounds === 1 ? format(median) : `${format(median)} (${format(min)}–${format(max)})`;
  const { bound, moreIsBetter = false } = column;
  const isMissed = !isExempt && bound !== undefined && (moreIsBetter ? median < bound : median > bound);
  return isMissed ? `**${text}**` : text;
}
