import type { PinoLogger } from 'nestjs-pino';
import { ThrottledLog } from '../logging/throttled-log.js';
import type { Metrics } from '../metrics/metrics.js';
import type { TokenProblem } from './token-problem.js';

/** Counts and logs why tokens are refused. Clients are not notified: they could use it to guess. */
export class RefusedTokens {
  private readonly log = new ThrottledLog();

  constructor(
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {}

  /** Logs at most one line per reason and minute. */
  refused({ reason, detail }: TokenProblem): void {
    this.metrics.refusedTokens.inc({ reason });
    this.log.write(reason, (skipped) => {
      const more = skipped === 0 ? {} : { skipped };
      this.logger.info({ reason, detail, ...more }, 'refused a token');
    });
  }
}
