import type { Channel, ConsumeMessage } from 'amqplib';
import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';

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

export function offsetOf({ properties }: ConsumeMessage): LogOffset {
  return Number(properties.headers?.['x-stream-offset']);
}

export function entryOf(message: ConsumeMessage): LogEntry {
  return { offset: offsetOf(message), time: undefined, data: message.content };
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
