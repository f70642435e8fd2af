import { CATALOGUE } from '../../apps/cli/src/doctor/catalogue/index.js';
import { writePage } from '../support/write-page.js';

const PAGE = 'docs/troubleshooting/faults.md';

/** A fault that doctor named, and nothing else. */
export interface Result {
  readonly id: string;
  readonly name: string;
  readonly server: string;
  /** From the change until doctor named it and nothing else, in ms. */
  readonly after: number;
}

const INTRODUCTION = `\
# Faults that were made on a real cluster

<!-- Written by \`npm run e2e:doctor\`, when all of its faults were found. -->

Each fault was really made on a release of the chart, behind each of these ingress controllers. \`holdfast doctor\` named it and nothing else, and found nothing before
and after. The time is from the change until then: it includes the rollout, and what Kubernetes takes to notice. A run of doctor itself takes one or two
seconds. [troubleshooting.md](../troubleshooting.md) explains each finding; those that are not in this table are tested on objects alone.
`;

/** Writes the table of all faults into the docs. */
export async function writeTable(results: readonly Result[]): Promise<void> {
  const servers = [...new Set(results.map(({ server }) => server))].toSorted();
  const faults = new Map(results.map((result) => [`${result.id} ${result.name}`, result]));
  const rows = [...faults.values()]
    .toSorted((a, b) => a.id.localeCompare(b.id))
    .map(({ id, name }) => {
      const times = servers.map((server) => {
        const found = results.find((one) => one.id === id && one.name === name && one.server === server);
        return found === undefined ? '' : `${(found.after / 1_000).toFixed(1)} s`;
      });
      return `| [${id}](../troubleshooting.md#${id.toLowerCase()}) | ${name} | ${CATALOGUE[id as keyof typeof CATALOGUE].title} | ${times.join(' | ')} |`;
    });
  const head = ['', 'fault', 'finding', ...servers];
  const text = [INTRODUCTION, `| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows, ''].join(
    '\n',
  );
  await writePage(PAGE, text);
}
