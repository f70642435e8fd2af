import type { RunReport } from '../load/run.js';
import type { Loss } from './loss.js';
import { writePage } from '../support/write-page.js';

const PAGE = 'docs/disaster-recovery/drill.md';

/** A loss that was recovered from under load. Times are in ms. */
export interface Drill {
  readonly loss: Loss;
  /** From the beginning of the loss until all pods were ready again. */
  readonly readyAfter: number;
  readonly report: RunReport;
}

/** No pod starts within this time. */
const NOTHING_HAPPENED_MS = 1_000;

const INTRODUCTION = `\
# The drill

<!-- Written by \`npm run e2e:drill\`. -->

Each loss was really caused on a cluster of three nodes, to a release with three pods and the bundled Redis without a volume, while 300 clients on 50 channels were connected
and 100 messages per second were published. The recovery is that of [disaster-recovery.md](../disaster-recovery.md). No acknowledged message was lost without a gap, and
every client was back at the end. Nodes were not really removed: none accepted a pod for that time, and all pods were killed.
`;

/** Writes the table of all losses into the docs. */
export async function writeTable(drills: readonly Drill[]): Promise<void> {
  const head = [
    'lost',
    'what the operator did',
    'all pods ready after',
    'without messages',
    'a client without a connection',
    'gap',
  ];
  const rows = drills.map(({ loss, readyAfter, report }) => {
    const { library } = report.verdict.interruption;
    const client = library.max === 0 ? 'never' : `${seconds(library.p50)} (median), ${seconds(library.max)} (longest)`;
    const silence = longestSilence(report);
    return [
      loss.name,
      loss.recovery === '' ? 'nothing' : loss.recovery,
      readyAfter < NOTHING_HAPPENED_MS ? 'they stayed ready' : seconds(readyAfter),
      silence === 0 ? 'less than 1 s' : `${silence} s`,
      client,
      report.verdict.clientsWithGaps > 0 ? 'yes' : 'no',
    ];
  });
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  await writePage(PAGE, [INTRODUCTION, ...lines, ''].join('\n'));
}

/** The most seconds in a row in which no client received a message. */
function longestSilence({ timeline }: RunReport): number {
  let [longest, current] = [0, 0];
  for (const { delivered } of timeline) {
    current = delivered === 0 ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
