import { createHmac, randomUUID } from 'node:crypto';
import { request } from './request.js';

/** The largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 65_536;

export interface SignedPost {
  readonly url: string;
  /** As configured: `whsec_` followed by the key in Base64. */
  readonly secrets: readonly string[];
  readonly type: string;
  readonly data: object;
  /** ms until the answer must have been read. */
  readonly timeout: number;
  /** The same for each attempt to send the same message, so that the receiver can recognize it. */
  readonly id?: string;
  /** Aborts the request. */
  readonly signal?: AbortSignal;
}

export function messageId(): string {
  return `msg_${randomUUID()}`;
}

/**
 * Sends a message to a team's backend as specified by Standard Webhooks
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): signed with each of the
 * secrets, so that they can be rotated, and with a timestamp against replays.
 *
 * @returns the body of the answer.
 * @throws OutboundError
 */
export async function signedPost({
  url,
  secrets,
  type,
  data,
  timeout,
  id = messageId(),
  signal,
}: SignedPost): Promise<string> {
  const now = new Date();
  const timestamp = Math.floor(now.getTime() / 1000);
  const body = JSON.stringify({ type, timestamp: now.toISOString(), data });
  return request(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Webhook-Id': id,
      'Webhook-Timestamp': String(timestamp),
      'Webhook-Signature': secrets.map((secret) => signature(secret, `${id}.${timestamp}.${body}`)).join(' '),
    },
    body,
    timeout,
    maxBytes: MAX_ANSWER_BYTES,
    signal,
  });
}

/** The symmetric signature of the specification, `v1`. */
function signature(secret: string, content: string): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}
