import type { Msg } from '@nats-io/transport-node';
import { append } from './append.js';
import { FORGET_CALL, type Session } from './connection.js';
import { unavailable } from './errors.js';
import { keyOf, PlainHeader } from './message.js';
import { settled } from '../log/settled.js';
import { replicasOf } from './stream-check.js';
import type { NatsSettings } from './url.js';

/** A message that a backend has published without knowing the partition of its channel. */
export interface InboxMessage {
  readonly channel: string;
  /** The idempotency key. */
  readonly key: string | undefined;
  readonly body: Uint8Array;
  /** The same when the message is delivered again. */
  readonly id: string;
}

/** Stores a message in the partition of its channel. Rejects if it may not have been stored. */
export type Forward = (message: InboxMessage) => Promise<void>;

const CONSUMER = 'forward';
/** ms after which a message that a pod has taken and not stored goes to another one. */
const ACK_WAIT = 5_000;
/** ms for which a call for the next message waits at the server. */
const EXPIRES = 5_000;
/** ms before the next attempt after a failure. */
const PAUSE = 500;
/** ms for which messages wait if no pod runs. */
const MAX_AGE = 86_400_000;
const NS_PER_MS = 1_000_000;

/** ms for storing a message, less than for its acknowledgement. */
const FORWARD_WITHIN = 3_000;
/** Bytes of the headers of a forwarded message, without channel and key, at most. */
const HEADERS_SIZE = 512;
const ACK = Buffer.from('+ACK');
const EMPTY = new Uint8Array();

/**
 * Creates the stream for backends, and its consumer. One message at a time is under way to all pods together, which keeps the
 * order.
 *
 * @throws LogUnavailableError
 */
export async function openInbox(
  { manager, connection }: Session,
  { prefix, replicas }: Pick<NatsSettings, 'prefix' | 'replicas'>,
  signal: AbortSignal,
): Promise<void> {
  const name = streamOf(prefix);
  const subjects = [`${subjectOf(prefix)}>`];
  const copies = replicasOf({ replicas, isCluster: connection.info?.cluster !== undefined });
  const limits = { retention: 'workqueue', max_age: MAX_AGE * NS_PER_MS, num_replicas: copies } as const;
  const consumer = {
    durable_name: CONSUMER,
    ack_policy: 'explicit',
    ack_wait: ACK_WAIT * NS_PER_MS,
    max_ack_pending: 1,
  } as const;
  try {
    await settled(manager.streams.add({ name, subjects, ...limits }), signal);
    await settled(manager.consumers.add(name, consumer), signal);
  } catch (error) {
    throw unavailable(error);
  }
}

/** Forwards messages until the connection is closed, or the signal aborts. Never rejects. */
export async function forwardAll(
  { connection }: Session,
  prefix: string,
  forward: Forward,
  signal: AbortSignal,
): Promise<void> {
  const next = `$JS.API.CONSUMER.MSG.NEXT.${streamOf(prefix)}.${CONSUMER}`;
  const request = JSON.stringify({ batch: 1, expires: EXPIRES * NS_PER_MS });
  const isOver = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined));
    connection.closed().then(() => resolve(undefined), resolve);
  });
  while (!connection.isClosed() && !signal.aborted) {
    try {
      // Without the library's shared inbox: messages of a stream arrive with their own subject, which it does not know. Such a call
      // does not end with the connection.
      const call = connection.request(next, request, { timeout: FORGET_CALL, noMux: true });
      const message = await Promise.race([call, isOver]);
      if (message === undefined) break;
      if ((message.headers?.code ?? 0) !== 0) continue;
      await forward(inboxMessageOf(message, subjectOf(prefix)));
      // If it gets lost, the message is delivered again, and recognized by its id.
      message.respond(ACK);
    } catch {
      if (!connection.isClosed()) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
  // The last acknowledgement is sent, so that the next pod need not wait for the message to be delivered again.
  if (!connection.isClosed()) await settled(connection.flush(), AbortSignal.timeout(PAUSE)).catch(() => undefined);
}

/** Stores a message as a plain one on the subject of its partition. @throws an error if it may not have been stored. */
export async function forwardMessage(
  session: Session,
  { channel, key = '', body, id }: InboxMessage,
  subject: string,
  maxEntry: number,
): Promise<void> {
  const headers = session.createHeaders();
  headers.set(PlainHeader.channel, channel);
  if (key !== '') headers.set(PlainHeader.key, key);
  // The server stores it once if it is forwarded again after a failure.
  headers.set('Nats-Msg-Id', id);
  // One that is too large is passed on without its body: as an invalid message it is counted and logged.
  const isTooLarge = body.length + channel.length + key.length + HEADERS_SIZE > maxEntry;
  await append(session, subject, isTooLarge ? EMPTY : body, AbortSignal.timeout(FORWARD_WITHIN), headers);
}

function inboxMessageOf({ subject, headers, data, reply = '' }: Msg, prefix: string): InboxMessage {
  // $JS.ACK…STREAM.CONSUMER.DELIVERIES.SEQUENCE.DELIVERED.TIME.PENDING
  const tokens = reply.split('.');
  const at = tokens.length > 9 ? 7 : 5;
  return {
    channel: subject.slice(prefix.length),
    // Not its message id: the server drops one that it knows, even if it belongs to another channel or to other data.
    key: keyOf(headers, PlainHeader.key),
    body: data,
    id: `${tokens[at]}.${tokens[at + 2]}`,
  };
}

function streamOf(prefix: string): string {
  return `${prefix}-publish`;
}

function subjectOf(prefix: string): string {
  return `${prefix}.publish.`;
}
