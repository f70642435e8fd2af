import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { LogEntry } from '../log/log-adapter.js';
import type { PlainMessage } from '../plain-messages.js';

/** The headers of a plain message in the log: the documented form for backends. */
export const PlainHeader = {
  channel: 'Holdfast-Channel',
  /** The idempotency key. */
  key: 'Holdfast-Key',
} as const;

const EMPTY = new Uint8Array();

/**
 * An entry from a message of a stream that was republished, or read by a direct get: both have the same headers.
 *
 * https://docs.nats.io/nats-concepts/jetstream/streams#republish
 */
export function entryOf({ headers, data }: Msg): LogEntry {
  const place = {
    offset: Number(headers?.get('Nats-Sequence')),
    time: Date.parse(headers?.get('Nats-Time-Stamp') ?? ''),
  };
  const plain = plainOf(headers, data);
  return plain === undefined ? { ...place, data } : { ...place, data: EMPTY, plain };
}

function plainOf(headers: MsgHdrs | undefined, body: Uint8Array): PlainMessage | undefined {
  const channel = headers?.get(PlainHeader.channel) ?? '';
  if (channel === '') return undefined;
  return { channel, key: keyOf(headers, PlainHeader.key), body };
}

/** The value of a header; undefined if it is missing or empty. */
export function keyOf(headers: MsgHdrs | undefined, name: string): string | undefined {
  const value = headers?.get(name) ?? '';
  return value === '' ? undefined : value;
}
