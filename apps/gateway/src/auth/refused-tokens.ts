import type { EventLog } from '../logging/event-log.js';
import type { Metrics } from '../metrics/metrics.js';
import type { TokenProblem } from './token-problem.js';

/** Counts and logs why tokens are refused. Clients are not notified: they could use it to guess. */
export class RefusedTokens {
  constructor(
    private readonly metrics: Metrics,
    private readonly log: EventLog,
  ) {}

  refused({ reason, detail }: TokenProblem): void {
    this.metrics.refusedTokens.inc({ reason });
    this.log.write('token.refused', { reason, detail });
  }
}
