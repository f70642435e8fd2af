import type { ChartValue } from './chart-values.ts';
import { isOpen } from './values-schema.ts';

/** The README's sections of values, in Markdown. */
export function valuesTable(values: readonly ChartValue[]): string {
  const sections: string[] = [];
  let rows: string[] = [];
  for (const value of values) {
    if (value.section !== undefined) {
      rows = [];
      sections.push(`### ${value.section}\n`);
    }
    rows.push(...rowsOf(value, []));
    // Rewritten for each value, because the end of a section is only known when the next one begins.
    sections[sections.length - 1] = `${sections.at(-1)?.split('\n', 1)[0]}\n\n${table(rows)}`;
  }
  return sections.join('\n');
}

function table(rows: readonly string[]): string {
  return ['| Value | Default | Meaning |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function rowsOf(value: ChartValue, parent: readonly string[]): string[] {
  const { default: fallback, description, hints, members } = value;
  const path = [...parent, value.name];
  if (!isOpen(value)) {
    const heading = description === '' ? [] : [row([`\`${path.join('.')}\``, '', description])];
    return [...heading, ...members.flatMap((member) => rowsOf(member, path))];
  }
  const choices = hints['enum'];
  const oneOf = Array.isArray(choices) ? ` One of ${choices.map((choice) => `\`${choice}\``).join(', ')}.` : '';
  return [row([`\`${path.join('.')}\``, `\`${JSON.stringify(fallback)}\``, `${description}${oneOf}`])];
}

function row(columns: readonly string[]): string {
  return `| ${columns.map((column) => column.replaceAll('|', '\\|')).join(' | ')} |`;
}
