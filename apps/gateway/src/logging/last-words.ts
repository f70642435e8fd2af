import { pino, destination } from 'pino';
import { EventLog } from './event-log.js';

/** A log of its own that is written synchronously, for a process that may be about to end. */
export function lastWords(): EventLog {
  return new EventLog(pino({}, destination({ dest: 1, sync: true })));
}
