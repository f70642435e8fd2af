import type { Logger } from 'pino';
import { describeEvent, type EventName, type FieldsOf } from './events.js';
import { Sampling } from './sampling.js';

/** The log. Each line is one of the {@link logEvents}, which decide about its level, its text and whether it is sampled. */
export class EventLog {
  private readonly samplings = new Map<EventName, Sampling>();

  constructor(private readonly logger: Logger) {}

  /** Whether lines of this event are written. Worth asking if assembling the fields costs something. */
  writes(event: EventName): boolean {
    return this.logger.isLevelEnabled(describeEvent(event).level);
  }

  /**
   * Writes a line. If the event is sampled, at most one line of its kind per minute, with the number of those skipped
   * since the last one as `skipped`.
   */
  write<E extends EventName>(event: E, ...[fields]: FieldsOf<E> extends undefined ? [] : [fields: FieldsOf<E>]): void {
    const { level, message, sampledBy } = describeEvent(event);
    if (!this.logger.isLevelEnabled(level)) return;
    const values = (fields ?? {}) as Readonly<Record<string, unknown>>;
    const skipped = sampledBy === undefined ? 0 : this.samplingOf(event).take(kindOf(values, sampledBy));
    if (skipped === undefined) return;
    const text = message.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
    this.logger[level]({ event, ...values, ...(skipped === 0 ? {} : { skipped }) }, text);
  }

  private samplingOf(event: EventName): Sampling {
    let sampling = this.samplings.get(event);
    if (sampling === undefined) this.samplings.set(event, (sampling = new Sampling()));
    return sampling;
  }
}

function kindOf(values: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  return names
    .map((name) => values[name])
    .map((value) => (value instanceof Error ? `${value.name}: ${value.message}` : String(value)))
    .join(' ');
}
