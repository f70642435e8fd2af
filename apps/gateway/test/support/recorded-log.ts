import { Writable } from 'node:stream';
import { pino } from 'pino';
import { EventLog } from '../../src/logging/event-log.js';

/** A line of the log. */
export interface Line {
  readonly level: number;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A log that nobody reads. */
export const SILENT = new EventLog(pino({ level: 'silent' }));

/** A log, and the lines that were written to it. */
export function recordedLog(): { log: EventLog; lines: Line[] } {
  const lines: Line[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Line);
      done();
    },
  });
  return { log: new EventLog(pino({ level: 'trace', base: null, timestamp: false }, stream)), lines };
}
