import type { Publication as StoredPublication } from '@holdfast/broadcast';
import type { Json, Publication, Sender } from '@holdfast/protocol';

/** How deep arrays and objects of published data may be nested: JSON.stringify recurses, and the stack ends somewhere. */
export const MAX_NESTING = 128;

export function isNestedWithin(data: Json, levels: number): boolean {
  if (typeof data !== 'object' || data === null) return true;
  return levels > 0 && Object.values(data).every((value) => isNestedWithin(value, levels - 1));
}

/** What the broker stores of a publication beside its position and time: the rest of the `message` frame, as JSON. */
export function encodePayload(data: Json, sender?: Sender, key?: string): string {
  return JSON.stringify({ data, sender, key });
}

/**
 * The `message` frame of a publication, the same bytes live and replayed. Put together as text, since the payload is
 * JSON already and a channel name holds nothing that JSON would escape.
 */
export function encodeMessage(channel: string, { offset, time, payload }: StoredPublication): string {
  return `{"event":"message","data":{"channel":"${channel}","offset":${offset},"time":${time},${payload.slice(1)}}`;
}

/** A stored publication as the history shows it. */
export function decodePublication({ offset, time, payload }: StoredPublication): Publication {
  const { data, sender, key } = JSON.parse(payload) as Pick<Publication, 'data' | 'sender' | 'key'>;
  return { offset, data, time, ...(sender === undefined ? {} : { sender }), ...(key === undefined ? {} : { key }) };
}
