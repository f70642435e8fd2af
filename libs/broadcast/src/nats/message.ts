import type { Msg } from '@nats-io/transport-node';
import type { LogEntry } from '../log/log-adapter.js';

const EMPTY = new Uint8Array();

/**
 * An entry from a message of a stream that was republished, or read by a direct get: both have the same headers.
 *
 * https://docs.nats.io/nats-concepts/jetstream/streams#republish
 */
export function entryOf({ headers, data }: Msg, subject: string): LogEntry {
  return {
    offset: Number(headers?.get('Nats-Sequence')),
    time: Date.parse(headers?.get('Nats-Time-Stamp') ?? ''),
    data: headers?.get('Nats-Subject') === subject ? data : EMPTY,
  };
}
