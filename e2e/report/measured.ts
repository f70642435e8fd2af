import type { ClientKind } from '../load/journal.js';
import type { Verdict } from '../load/verdict.js';
import type { FaultRecord } from './records.js';

type Interruption = Pick<Verdict['interruption'][ClientKind], 'clients' | 'p50' | 'max'>;

/** What clients noticed of a fault: a row of the report. Times are in ms. */
export interface MeasuredFault {
  readonly fault: string;
  /** The day. Absent from rows of before it was kept. */
  readonly date?: string;
  readonly verdict: Pick<
    Verdict,
    'clients' | 'acknowledged' | 'lost' | 'duplicated' | 'misordered' | 'reportedLost' | 'clientsWithGaps' | 'latency'
  > & {
    readonly interruption: Readonly<Record<ClientKind, Interruption>>;
    readonly moves: Pick<Verdict['moves'], 'mean'>;
  };
}

export function measuredFault({ fault, report: { from, verdict } }: FaultRecord): MeasuredFault {
  const { clients, acknowledged, lost, duplicated, misordered, reportedLost, clientsWithGaps } = verdict;
  const { interruption, moves, latency } = verdict;
  return {
    fault,
    date: new Date(from).toISOString().slice(0, 10),
    verdict: {
      clients,
      acknowledged,
      lost,
      duplicated,
      misordered,
      reportedLost,
      clientsWithGaps,
      interruption,
      moves: { mean: moves.mean },
      latency,
    },
  };
}
