import type { MeasuredFault } from './measured.js';

const COLUMNS = [
  'Fault',
  'Messages',
  'Lost',
  'Duplicated',
  'Out of order',
  'Reported as lost',
  'No socket, library',
  'No socket, plain',
  'Moves per client',
  'Delivery p50 / p99 / max',
] as const;

/** A Markdown table with one row per fault. */
export function table(faults: readonly MeasuredFault[]): string {
  const rows = faults.map(({ fault, verdict }) => {
    const { acknowledged, lost, duplicated, misordered, reportedLost, interruption, moves, latency, clients } = verdict;
    return [
      fault,
      acknowledged,
      lost,
      duplicated,
      misordered,
      verdict.clientsWithGaps === 0
        ? 0
        : `${reportedLost}, a gap reported to ${verdict.clientsWithGaps} of ${clients} clients`,
      interrupted(interruption.library),
      interrupted(interruption.plain),
      moves.mean.toFixed(2),
      `${[latency.p50, latency.p99, latency.max].map((ms) => Math.round(ms)).join(' / ')} ms`,
    ];
  });
  return [COLUMNS, COLUMNS.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function interrupted({ clients, p50, max }: { clients: number; p50: number; max: number }): string {
  if (clients === 0) return 'none';
  return `${clients} clients, ${p50 > 0 ? `half of all ${Math.round(p50)} ms or more, ` : ''}at most ${Math.round(max)} ms`;
}
