import { LogUnavailableError, type LogEntry, type LogStart } from '../log/log-adapter.js';
import type { Session } from './connection.js';
import { Reader } from './reader.js';
import { settled } from './settled.js';

/**
 * Reads up to `limit` entries from `start` up to `last`, an entry that exists, with a consumer of its own.
 *
 * @throws LogUnavailableError
 */
export async function readEntries(
  session: Session,
  stream: string,
  subject: string,
  { start, limit, last }: { readonly start: LogStart; readonly limit: number; readonly last: number },
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  const read: LogEntry[] = [];
  let reader: Reader | undefined;
  const complete = new Promise<void>((resolve, reject) => {
    reader = new Reader(session, stream, subject, start, {
      onEntries: (entries) => {
        read.push(...entries);
        if (read.length >= limit || entries.some(({ offset }) => offset >= last)) resolve();
      },
      onEnd: (reason) => reject(new LogUnavailableError(reason)),
    });
    const hasNone = (found: number): boolean => found === 0 && typeof start === 'object' && 'time' in start;
    reader.begin().then((found) => (hasNone(found) ? resolve() : undefined), reject);
  });
  try {
    await settled(complete, signal);
    return read.slice(0, limit);
  } finally {
    reader?.stop();
  }
}
