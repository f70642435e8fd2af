import { printable, printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';
import type { Level } from './catalogue/entry.js';
import { entryOf } from './catalogue/index.js';
import type { Finding, Unexamined } from './finding.js';

const COLOURS = { error: 'red', warning: 'yellow', advice: 'cyan' } as const satisfies Record<Level, string>;

/** The page that explains every finding. */
const PAGE = 'https://github.com/holdfast/holdfast/blob/main/docs/troubleshooting.md';

/** What was examined, and what came out. */
export interface Diagnosis {
  readonly namespace: string;
  readonly deployment: string;
  readonly findings: readonly Finding[];
  readonly unexamined: readonly Unexamined[];
}

/** Whether something has to be mended: advice does not count. */
export function isHealthy({ findings }: Diagnosis): boolean {
  return findings.every(({ id }) => entryOf(id).level === 'advice');
}

/** One JSON object, for machines. */
export function printAsJson(diagnosis: Diagnosis, terminal: Terminal): void {
  const findings = diagnosis.findings.map(({ id, ...finding }) => {
    const { level, title } = entryOf(id);
    return { id, level, title, ...finding, docs: `${PAGE}#${id.toLowerCase()}` };
  });
  terminal.print(printableJson({ healthy: isHealthy(diagnosis), ...diagnosis, findings }));
}

/** For people: the first finding is the one to begin with. */
export function printAsText(diagnosis: Diagnosis, terminal: Terminal): void {
  const { findings, unexamined, namespace, deployment } = diagnosis;
  for (const { id, object, evidence, mend } of findings) {
    const { level, title } = entryOf(id);
    terminal.print(`${terminal.style(COLOURS[level], `${level.padEnd(7)}  ${id}`)}  ${terminal.style('bold', title)}`);
    for (const [name, text] of [
      ['object', object],
      ['seen', evidence],
      ['mend', mend],
    ] as const) {
      terminal.print(`         ${terminal.style('dim', name.padEnd(6))} ${printable(text)}`);
    }
    terminal.print('');
  }
  for (const { what, why } of unexamined)
    terminal.print(terminal.style('dim', printable(`not examined: ${what} (${why})`)));
  const where = `Deployment ${deployment} in namespace ${namespace}`;
  const found = findings.filter(({ id }) => entryOf(id).level !== 'advice').length;
  if (found === 0) terminal.print(terminal.style('green', `${where}: nothing is broken, as far as it was examined`));
  else terminal.print(`${where}: ${found} finding${found === 1 ? '' : 's'}, explained at ${PAGE}`);
}
