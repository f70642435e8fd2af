import type { BrokerInput } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { Metrics } from '../metrics/metrics.js';
import { ThrottledLog } from '../logging/throttled-log.js';

/**
 * What the broker itself cannot validate is added: a publication's `payload`, a member's `details`, a `signal`, a
 * `refusal` (a stored user command).
 */
export type InvalidInput = BrokerInput | 'payload' | 'details' | 'signal' | 'refusal';

/**
 * Counts and logs input from the broker that is invalid: at most one line per kind and minute. It may come from an
 * operator, another application or a pod of another release, and is skipped.
 */
@Injectable()
export class BrokerInputs {
  private readonly log = new ThrottledLog();

  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @InjectPinoLogger(BrokerInputs.name) private readonly logger: PinoLogger,
  ) {}

  /** @param name of the channel, user or server that it was read for. The content is not logged. */
  invalid(kind: InvalidInput, name: string): void {
    this.metrics.brokerInputRejected.inc({ kind });
    this.log.write(kind, (skipped) => {
      const more = skipped === 0 ? {} : { skipped };
      this.logger.warn({ kind, name, ...more }, 'skipped invalid data from the broker');
    });
  }

  /** Reports an internal error. The input was skipped, and the gateway goes on. */
  fault(error: unknown): void {
    this.metrics.brokerFaults.inc();
    this.log.write('fault', (skipped) => {
      const more = skipped === 0 ? {} : { skipped };
      this.logger.error({ err: error, ...more }, 'skipped data from the broker because of an internal error');
    });
  }
}
