import type { PlainRefusal } from '@holdfast/broadcast';
import { isChannel } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '../metrics/metrics.js';
import { EventLog } from '../logging/event-log.js';

/** Counts and logs messages that backends published by the broker itself and that were refused: their senders get no answer. */
@Injectable()
export class PlainRefusals {
  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  refused(channel: string, reason: PlainRefusal): void {
    this.metrics.plainRefused.inc({ reason });
    // What is not the name of a channel may be anything, for example a message.
    this.log.write('broker.message_refused', { reason, channel: isChannel(channel) ? channel : undefined });
  }
}
