import { BROKER, type Signals } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Metrics } from '../metrics/metrics.js';

export const drainedSignalSchema = z.object({
  type: z.literal('drained'),
  /** Clients that left by themselves when they were asked to. */
  moved: z.int().nonnegative(),
  /** Clients that were still there when the time was up, and were disconnected. */
  closed: z.int().nonnegative(),
});
export type DrainedSignal = z.output<typeof drainedSignalSchema>;

/**
 * What became of the clients of pods that stopped. A pod reports it to the others, which count it, because its own metrics end
 * with it: they would be scraped for the last time before the result is known.
 */
@Injectable()
export class DrainReports {
  constructor(
    @Inject(BROKER) private readonly broker: Signals,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  /** Reports the end of this pod's drain. During an outage of the broker the report is lost. */
  async send(report: Omit<DrainedSignal, 'type'>): Promise<void> {
    const signal: DrainedSignal = { type: 'drained', ...report };
    await this.broker.signal(JSON.stringify(signal)).catch(() => undefined);
  }

  onSignal({ moved, closed }: DrainedSignal): void {
    this.metrics.drainedClients.inc({ outcome: 'moved' }, moved);
    this.metrics.drainedClients.inc({ outcome: 'closed' }, closed);
  }
}
