import { createHash } from 'node:crypto';
import type { PublishRequest, StreamOptions } from './broker.js';

/** A message in the documented form for backends that publish by the broker itself. Nothing of it has been checked. */
export interface PlainMessage {
  readonly channel: string;
  /** The idempotency key. */
  readonly key: string | undefined;
  /** JSON, if it is valid. */
  readonly body: Uint8Array;
}

/** Where backends may publish plain messages, and how these are kept. */
export interface PlainPolicy {
  /** The streams of the namespaces with options of their own; null if it is not allowed there. */
  readonly namespaces: Readonly<Record<string, StreamOptions | null>>;
  /** The stream of every other namespace; null if it is not allowed there. */
  readonly others: StreamOptions | null;
  /** ms for which a key is remembered. */
  readonly keyWindow: number;
  /** Bytes of a body as it was sent, and of the payload that is made of it. */
  readonly maxPayload: number;
}

/**
 * How plain messages become publications. Pure functions, the same in all pods of a release: pods on a log decide about every message
 * by themselves. A change that decides anything else needs new rules of the fold.
 */
export interface PlainFormat {
  /** @returns undefined if no channel may have this name. */
  namespaceOf(channel: string): string | undefined;
  /** Whether this may be published. @param data parsed JSON. */
  accepts(data: unknown, key: string | undefined): boolean;
  /** The payload for data in JSON. */
  encode(json: string, key: string | undefined): string;
}

export interface PlainSettings {
  readonly format: PlainFormat;
  readonly policy: PlainPolicy;
}

/**
 * Why a plain message was not published. `malformed`: not JSON in UTF-8. `invalid`: its key or data is not acceptable.
 * `key_conflict`: the key was used before with other data. `misplaced`: in another partition of the log than its channel.
 */
export type PlainRefusal =
  | 'invalid_channel'
  | 'forbidden'
  | 'too_large'
  | 'malformed'
  | 'invalid'
  | 'key_conflict'
  | 'misplaced';

/** The publisher to whom the keys of plain messages belong. */
const PUBLISHER = 'plain';

/** Whether backends may publish plain messages anywhere. */
export function allowsPlain({ policy }: PlainSettings): boolean {
  return policy.others !== null || Object.values(policy.namespaces).some((stream) => stream !== null);
}

/** What a plain message publishes, or why it may not. */
export function plainPublish(
  { channel, key, body }: PlainMessage,
  { namespaces, others, keyWindow, maxPayload }: PlainPolicy,
  format: PlainFormat,
): PublishRequest | PlainRefusal {
  const namespace = format.namespaceOf(channel);
  if (namespace === undefined) return 'invalid_channel';
  const stream = Object.hasOwn(namespaces, namespace) ? (namespaces[namespace] ?? null) : others;
  if (stream === null) return 'forbidden';
  if (body.length > maxPayload) return 'too_large';
  const data = parsed(body);
  if (data === undefined) return 'malformed';
  // Before anything recurses: how deep that may go depends on the pod.
  if (!format.accepts(data, key)) return 'invalid';
  const json = JSON.stringify(data);
  const payload = format.encode(json, key);
  if (Buffer.byteLength(payload) > maxPayload) return 'too_large';
  if (key === undefined) return { channel, payload, stream };
  const fingerprint = createHash('sha1').update(json).digest('base64url');
  return { channel, payload, stream, idempotency: { publisher: PUBLISHER, key, fingerprint, window: keyWindow } };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value of a body; undefined if it is not JSON in UTF-8. */
function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(body));
  } catch {
    return undefined;
  }
}
