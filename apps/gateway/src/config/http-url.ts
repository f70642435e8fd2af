import { z } from 'zod';

export const HTTP_URL = 'a URL, https://… or http://…, without a user name or password';

/**
 * The URL of a server that the gateway sends requests to. It must not contain credentials: `fetch` refuses them
 * (https://fetch.spec.whatwg.org, section 5.4), and secrets do not belong in URLs. The pattern is for validation by the
 * JSON Schema.
 */
export function httpUrl() {
  return z
    .string()
    .regex(/^https?:\/\/[^\s@]+$/)
    .refine((url) => URL.canParse(url), `expected ${HTTP_URL}`);
}
