import { createHash } from 'node:crypto';
import type { StreamOptions } from '../../broker.js';
import type { PlainMessage } from '../log-adapter.js';
import type { PublishRecord } from '../records/records.js';

/** To which channels backends may publish directly, and how these are kept. It is in the log, so that all pods have the same. */
export interface PlainPolicy {
  /** The streams of the namespaces in which it is allowed. */
  readonly namespaces: Readonly<Record<string, StreamOptions>>;
  /** ms for which a key is remembered. */
  readonly keyWindow: number;
  /** Bytes of a payload. */
  readonly maxPayload: number;
}

/** How plain messages become publications. Pure functions, the same in all pods of a release. */
export interface PlainFormat {
  namespaceOf(channel: string): string;
  /** The payload for a body; undefined if the body or the key is not acceptable. @param json valid JSON. */
  encode(json: string, key: string | undefined): string | undefined;
}

/** For a broker without plain messages. */
export const NO_PLAIN: PlainFormat = { namespaceOf: () => '', encode: () => undefined };

/** The publisher to whom the keys of plain messages belong. */
const PUBLISHER = 'plain';

/** Bytes of a channel's name, at most. */
const MAX_NAME = 1_024;

/** What a plain message publishes; undefined if that is not allowed or not valid. */
export function plainPublish(
  { channel, key, body }: PlainMessage,
  policy: PlainPolicy | undefined,
  format: PlainFormat,
): PublishRecord | undefined {
  if (policy === undefined || channel === '' || channel.length > MAX_NAME) return undefined;
  const namespace = format.namespaceOf(channel);
  const stream = Object.hasOwn(policy.namespaces, namespace) ? policy.namespaces[namespace] : undefined;
  if (stream === undefined || body.length > policy.maxPayload) return undefined;
  const json = compactJson(body);
  const payload = json === undefined ? undefined : format.encode(json, key);
  if (json === undefined || payload === undefined || Buffer.byteLength(payload) > policy.maxPayload) return undefined;
  if (key === undefined) return { kind: 'publish', channel, payload, stream, idempotency: undefined };
  const fingerprint = createHash('sha1').update(json).digest('base64url');
  const idempotency = { publisher: PUBLISHER, key, fingerprint, window: policy.keyWindow };
  return { kind: 'publish', channel, payload, stream, idempotency };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The body as JSON without spaces; undefined if it is not JSON in UTF-8. */
function compactJson(body: Uint8Array): string | undefined {
  try {
    return JSON.stringify(JSON.parse(decoder.decode(body)));
  } catch {
    return undefined;
  }
}

function isStream(stream: Partial<StreamOptions> | null): boolean {
  return [stream?.historySize, stream?.historyTtl, stream?.positionTtl].every((value) => typeof value === 'number');
}

/** @returns undefined if the text is not a policy. */
export function parsePolicy(text: string): PlainPolicy | undefined {
  try {
    const policy = JSON.parse(text) as Partial<PlainPolicy> | null;
    if (typeof policy?.keyWindow !== 'number' || typeof policy.maxPayload !== 'number') return undefined;
    const { keyWindow, maxPayload, namespaces } = policy;
    if (typeof namespaces !== 'object') return undefined;
    return Object.values(namespaces).every(isStream) ? { keyWindow, maxPayload, namespaces } : undefined;
  } catch {
    return undefined;
  }
}
