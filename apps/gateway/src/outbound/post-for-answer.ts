import type { z } from 'zod';
import { OutboundError } from './request.js';
import { signedPost, type SignedPost } from './signed-post.js';

/**
 * Sends a signed request, and validates the answer.
 *
 * @throws OutboundError
 */
export async function postForAnswer<T>(post: SignedPost, schema: z.ZodType<T>): Promise<T> {
  const answer = schema.safeParse(parseJson(await signedPost(post)));
  if (!answer.success) throw new OutboundError('the response does not match the schema');
  return answer.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
