import type { StoredPublication } from '@holdfast/broadcast';
import type { Json, Publication, Sender } from '@holdfast/protocol';

/** How deep arrays and objects in published data may be nested: JSON.stringify is recursive, and the stack is limited. */
export const MAX_NESTING = 128;

export function isNestedWithin(data: Json, levels: number): boolean {
  if (typeof data !== 'object' || data === null) return true;
  return levels > 0 && Object.values(data).every((value) => isNestedWithin(value, levels - 1));
}

type Payload = Pick<Publication, 'data' | 'sender' | 'key'>;

/** The start of every payload. A frame is assembled as text, and continues after the brace. */
const BEGINNING = '{"data":';

/**
 * What the broker stores besides position and time: the rest of the `message` frame, as JSON.
 *
 * @param json the data as JSON.
 */
export function encodePayload(json: string, sender?: Sender, key?: string): string {
  if (sender === undefined && key === undefined) return `${BEGINNING}${json}}`;
  return `${BEGINNING}${json},${JSON.stringify({ sender, key }).slice(1)}`;
}

/** What follows the other members of a payload whose publish is traced. It always has the same length. */
const TRACE = ',"traceparent":"';
const TRACE_END = '"}';
export const TRACE_BYTES = TRACE.length + '00-12345678901234567890123456789012-1234567890123456-01"'.length;

/** Adds a W3C trace context, which is for the pods only. */
export function withTrace(payload: string, traceparent: string): string {
  return `${payload.slice(0, -1)}${TRACE}${traceparent}${TRACE_END}`;
}

/** The trace context that {@link withTrace} added, if any. */
export function traceOf(payload: string): string | undefined {
  return isTraced(payload) ? payload.slice(TRACE.length - 1 - TRACE_BYTES, -TRACE_END.length) : undefined;
}

/**
 * Nothing else ends like this: the data of a publisher is in an inner object, or in a string, in which quotes are
 * escaped. It runs for each message, and allocates nothing.
 */
function isTraced(payload: string): boolean {
  return payload.startsWith(TRACE, payload.length - 1 - TRACE_BYTES) && payload.endsWith(TRACE_END);
}

/**
 * Whether the payload is one of ours. From any other, {@link encodeMessage} would make a frame that no client can read.
 * It is parsed once per publication and pod, which takes about 1 µs. Nothing less is safe.
 */
export function isReadable({ payload }: StoredPublication): boolean {
  return parsePayload(payload) !== undefined;
}

/**
 * The `message` frame of a publication that {@link isReadable}: the same bytes live and replayed. Assembled as text,
 * since the payload already is JSON, and no character of a channel name needs escaping.
 */
export function encodeMessage(channel: string, { offset, time, payload }: StoredPublication): string {
  const rest = isTraced(payload) ? `${payload.slice(1, -1 - TRACE_BYTES)}}` : payload.slice(1);
  return `{"event":"message","data":{"channel":"${channel}","offset":${offset},"time":${time},${rest}}`;
}

/** A stored publication as the history shows it; undefined if its payload is invalid. */
export function decodePublication({ offset, time, payload }: StoredPublication): Publication | undefined {
  const parsed = parsePayload(payload);
  if (parsed === undefined || !isNestedWithin(parsed.data, MAX_NESTING)) return undefined;
  const { data, sender, key } = parsed;
  return { offset, data, time, ...(sender === undefined ? {} : { sender }), ...(key === undefined ? {} : { key }) };
}

/** Without a schema, since it runs for each message. */
function parsePayload(payload: string): Payload | undefined {
  if (!payload.startsWith(BEGINNING)) return undefined;
  let parsed: Payload;
  try {
    parsed = JSON.parse(payload) as Payload;
  } catch {
    return undefined;
  }
  const { sender, key } = parsed;
  if (sender !== undefined && !isSender(sender)) return undefined;
  if (key !== undefined && typeof key !== 'string') return undefined;
  // They would override those of the frame.
  return 'channel' in parsed || 'offset' in parsed || 'time' in parsed ? undefined : parsed;
}

function isSender(sender: unknown): boolean {
  if (typeof sender !== 'object' || sender === null) return false;
  const { client, user } = sender as Partial<Record<keyof Sender, unknown>>;
  return typeof client === 'string' && (user === undefined || typeof user === 'string');
}
