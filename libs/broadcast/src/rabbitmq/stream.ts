import type { Channel, ConsumeMessage, Options } from 'amqplib';
import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import type { PlainMessage } from '../plain-messages.js';

/** The beginning of the AMQP type of an entry that only marks the end of the log. */
const END_TYPE = 'holdfast.end.';

/** The type of an entry that a reader appends to find the end, which AMQP 0.9.1 has no call for. */
export function newEndType(): string {
  return END_TYPE + crypto.randomUUID();
}

export function isEnd({ properties }: ConsumeMessage): boolean {
  const { type } = properties;
  return typeof type === 'string' && type.startsWith(END_TYPE);
}

/** The AMQP type of an entry that was not made by the engine. */
const PLAIN_TYPE = 'holdfast.plain';
const CHANNEL_HEADER = 'holdfast-channel';
const KEY_HEADER = 'holdfast-key';

/** The properties of a backend's message, published with its channel as the routing key, as an entry of the log. */
export function plainProperties({ fields, properties }: ConsumeMessage): Options.Publish {
  const { messageId } = properties;
  const key = typeof messageId === 'string' ? { [KEY_HEADER]: messageId } : {};
  return { type: PLAIN_TYPE, headers: { [CHANNEL_HEADER]: fields.routingKey, ...key } };
}

function plainOf({ properties, content }: ConsumeMessage): PlainMessage | undefined {
  if (properties.type !== PLAIN_TYPE) return undefined;
  const { [CHANNEL_HEADER]: channel, [KEY_HEADER]: key } = properties.headers ?? {};
  if (typeof channel !== 'string') return undefined;
  return { channel, key: typeof key === 'string' ? key : undefined, body: content };
}

export function offsetOf({ properties }: ConsumeMessage): LogOffset {
  return Number(properties.headers?.['x-stream-offset']);
}

export function entryOf(message: ConsumeMessage): LogEntry {
  const [offset, plain] = [offsetOf(message), plainOf(message)];
  if (plain !== undefined) return { offset, time: undefined, data: new Uint8Array(), plain };
  return { offset, time: undefined, data: message.content };
}

/**
 * Begins to consume a stream. A start beyond the end of the stream is no error: nothing is delivered until it is reached.
 *
 * @param prefetch how many messages may be on the way without an acknowledgement.
 * @param onMessage gets null if the server has ended the consumer, for example because the queue was deleted.
 */
export async function consume(
  channel: Channel,
  queue: string,
  start: LogStart,
  prefetch: number,
  onMessage: (message: ConsumeMessage | null) => void,
): Promise<void> {
  await channel.prefetch(prefetch);
  await channel.consume(queue, onMessage, { arguments: { 'x-stream-offset': offsetArgument(start) } });
}

/** https://www.rabbitmq.com/docs/streams#consuming */
function offsetArgument(start: LogStart): unknown {
  if (typeof start === 'string') return start;
  if ('offset' in start) return start.offset;
  return { '!': 'timestamp', value: Math.floor(start.time / 1_000) };
}

/** Closes a channel that may be closed already, without waiting for the server. */
export function closeQuietly(channel: Channel): void {
  channel.close().catch(() => undefined);
}
