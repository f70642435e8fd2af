import type { PlainRefusal } from '@holdfast/broadcast';
import { isChannel } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { ThrottledLog } from '../logging/throttled-log.js';
import { Metrics } from '../metrics/metrics.js';

/** Counts and logs messages that backends published by the broker itself and that were refused: their senders get no answer. */
@Injectable()
export class PlainRefusals {
  private readonly log = new ThrottledLog();

  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @InjectPinoLogger(PlainRefusals.name) private readonly logger: PinoLogger,
  ) {}

  /** Logs at most one line per reason and minute. */
  refused(channel: string, reason: PlainRefusal): void {
    this.metrics.plainRefused.inc({ reason });
    this.log.write(reason, (skipped) => {
      // What is not the name of a channel may be anything, for example a message.
      const name = isChannel(channel) ? { channel } : {};
      const more = skipped === 0 ? {} : { skipped };
      this.logger.warn({ reason, ...name, ...more }, 'refused a message that a backend published through the broker');
    });
  }
}
