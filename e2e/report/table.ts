import type { FaultRecord } from './records.js';

const COLUMNS = [
  'Fault',
  'Messages',
  'Lost',
  'Doubled',
  'Out of order',
  'Told as lost',
  'Without a socket, library',
  'Without a socket, plain',
  'Moves per client',
  'Delivery p50 / p99 / max',
] as const;

/** A Markdown table with a line for each fault. */
export function table(records: readonly FaultRecord[]): string {
  const rows = records.map(({ fault, report: { verdict } }) => {
    const { acknowledged, lost, doubled, misordered, toldAsLost, interruption, moves, latency, clients } = verdict;
    return [
      fault,
      acknowledged,
      lost,
      doubled,
      misordered,
      verdict.clientsWithGaps === 0
        ? 0
        : `${toldAsLost}, a gap told to ${verdict.clientsWithGaps} of ${clients} clients`,
      interrupted(interruption.library),
      interrupted(interruption.plain),
      moves.mean.toFixed(2),
      `${[latency.p50, latency.p99, latency.max].map((ms) => Math.round(ms)).join(' / ')} ms`,
    ];
  });
  return [COLUMNS, COLUMNS.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function interrupted({ clients, p50, max }: { clients: number; p50: number; max: number }): string {
  if (clients === 0) return 'nobody';
  return `${clients} clients, ${p50 > 0 ? `half of all ${Math.round(p50)} ms or more, ` : ''}at most ${Math.round(max)} ms`;
}
