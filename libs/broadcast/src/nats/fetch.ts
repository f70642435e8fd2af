import type { StreamInfo } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import { LogUnavailableError, type LogEntry, type LogOffset, type LogStart } from '../log/log-adapter.js';
import { FORGET_CALL, type Session } from './connection.js';
import { messageOf, permissionProblem, unavailable } from './errors.js';
import { entryOf } from './message.js';
import { settled } from '../log/settled.js';
import type { PartitionNames } from './streams.js';

/** Where a batch begins: at an entry, or at the first one that was stored at a time (ms) or later. */
export type BatchStart = { readonly offset: LogOffset } | { readonly time: number };

/** ms without a message, after which a batch has failed. */
const PATIENCE = 1_500;
/** Entries of a batch, at most. */
export const BATCH = 1_000;
/** ms until a copy of the stream that lags behind is asked again. */
const LAG_PAUSE = 20;
/** Bytes: what follows is in the next batch. */
const MAX_BYTES = 2_097_152;
const NOT_FOUND = 404;
const END_OF_BATCH = 204;

/**
 * Reads up to `limit` entries by a direct get, fewer if they are large. Any copy of the stream may answer, also one that does
 * not have the latest entries yet: then there are fewer, or none.
 *
 * https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md
 *
 * @throws LogUnavailableError
 */
export async function fetchBatch(
  { connection, createInbox }: Session,
  { stream }: PartitionNames,
  start: BatchStart,
  limit: number,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  const inbox = createInbox();
  return new Promise((resolve, reject) => {
    const end = (error?: string): void => {
      clearTimeout(timer);
      subscription.unsubscribe();
      if (error === undefined) resolve(entries);
      else reject(new LogUnavailableError(error));
    };
    const receive = (message: Msg): void => {
      const code = message.headers?.code ?? 0;
      if (code === 0) {
        timer.refresh();
        entries.push(entryOf(message));
      } else if (code === END_OF_BATCH || code === NOT_FOUND) {
        end();
      } else {
        end(`JetStream answered ${code}`);
      }
    };
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => (error === null ? receive(message) : end(messageOf(error))),
    });
    const timer = setTimeout(() => end('there was no answer in time'), PATIENCE);
    const from = 'offset' in start ? { seq: start.offset } : { start_time: new Date(start.time).toISOString() };
    const request = JSON.stringify({ ...from, batch: limit, max_bytes: MAX_BYTES });
    connection.publish(directGetOf(stream), request, { reply: inbox });
    subscription.closed.then(
      () => end('the connection was lost'),
      () => undefined,
    );
  });
}

/** @throws LogRefusedError if the user has no permission to read the stream. A batch would only time out. */
export async function checkPermission(
  { connection }: Session,
  { stream }: PartitionNames,
  signal: AbortSignal,
): Promise<void> {
  try {
    await settled(connection.request(directGetOf(stream), '{"seq":1}', { timeout: FORGET_CALL }), signal);
  } catch (error) {
    const permission = permissionProblem(error);
    if (permission !== undefined) throw permission;
  }
}

function directGetOf(stream: string): string {
  return `$JS.API.DIRECT.GET.${stream}`;
}

/**
 * Reads up to `limit` entries from `start` on, fewer only at the end of the stream.
 *
 * @param state of the stream, according to its leader.
 * @throws LogUnavailableError
 */
export async function readEntries(
  session: Session,
  names: PartitionNames,
  { start, limit, state }: { readonly start: LogStart; readonly limit: number; readonly state: StreamInfo['state'] },
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  const isAtEnd =
    start === 'next' || (typeof start === 'object' && 'time' in start && !hasEntrySince(state, start.time));
  if (state.messages === 0 || isAtEnd) return [];
  const first = firstOf(state);
  let next: BatchStart = { offset: first };
  if (typeof start === 'object') next = 'time' in start ? start : { offset: Math.max(start.offset, first) };
  const read: LogEntry[] = [];
  while (read.length < limit && !('offset' in next && next.offset > state.last_seq)) {
    const batch = fetchBatch(session, names, next, Math.min(limit - read.length, BATCH));
    const entries = await settled(batch, signal).catch((error: unknown) => {
      throw unavailable(error);
    });
    read.push(...entries);
    const end = entries.at(-1);
    if (end === undefined) await lagPause();
    else next = { offset: end.offset + 1 };
  }
  return read;
}

/** The sequence of the first message, or of the next one if there is none. */
export function firstOf({ messages, first_seq: first, last_seq: last }: StreamInfo['state']): LogOffset {
  return messages === 0 ? last + 1 : first;
}

export function hasEntrySince({ messages, last_ts: last }: StreamInfo['state'], time: number): boolean {
  return messages > 0 && Date.parse(last) >= time;
}

/** Gives a copy of the stream time to follow the leader. */
export async function lagPause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LAG_PAUSE));
}
