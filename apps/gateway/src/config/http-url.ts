import { z } from 'zod';

export const HTTP_URL = 'a URL, https://… or http://…, without a user name or password';

/**
 * The URL of something that the gateway asks. Without credentials: `fetch` refuses them (https://fetch.spec.whatwg.org,
 * section 5.4), and a URL is no place for a secret. The pattern is for those who check by the JSON Schema.
 */
export function httpUrl() {
  return z
    .string()
    .regex(/^https?:\/\/[^\s@]+$/)
    .refine((url) => URL.canParse(url), `expected ${HTTP_URL}`);
}
