import { createHmac, randomUUID } from 'node:crypto';
import { request } from './request.js';

/** The largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 65_536;

export interface SignedPost {
  readonly url: string;
  /** As the configuration has them: `whsec_` and the key in Base64. */
  readonly secrets: readonly string[];
  readonly type: string;
  readonly data: object;
  /** ms for the answer. */
  readonly timeout: number;
  /** The same for each attempt to send the same, by which the receiver knows it again. */
  readonly id?: string;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

export function messageId(): string {
  return `msg_${randomUUID()}`;
}

/**
 * Sends a message to a team's backend, as the Standard Webhooks specification has it
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): signed with each of the
 * secrets, so that the receiver can change from one to the next, and with a timestamp against replays.
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

/** The specification's symmetric signature, `v1`. */
function signature(secret: string, content: string): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}
