import type { BrokerInput } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '../metrics/metrics.js';
import { EventLog } from '../logging/event-log.js';

/**
 * What the broker itself cannot validate is added: a publication's `payload`, a member's `details`, a `signal`, a
 * `refusal` (a stored user command).
 */
export type InvalidInput = BrokerInput | 'payload' | 'details' | 'signal' | 'refusal';

/**
 * Counts and logs input from the broker that is invalid. It may come from an operator, another application or a pod of
 * another release, and is skipped.
 */
@Injectable()
export class BrokerInputs {
  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  /** @param name of the channel, user or server that it was read for. The content is not logged. */
  invalid(kind: InvalidInput, name: string): void {
    this.metrics.brokerInputRejected.inc({ kind });
    this.log.write('broker.input_refused', { kind, name });
  }

  /** Reports an internal error. The input was skipped, and the gateway goes on. */
  fault(error: unknown): void {
    this.metrics.brokerFaults.inc();
    this.log.write('broker.input_failed', { err: error });
  }
}
