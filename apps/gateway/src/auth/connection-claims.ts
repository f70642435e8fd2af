import { dataSchema, userSchema, type Json } from '@holdfast/protocol';
import { z } from 'zod';
import { isPatterns, patternsSchema } from './patterns-schema.js';

/** The last second that a JavaScript Date can represent. */
export const LAST_SECOND = 8.64e12;

export const expirySchema = z.number().max(LAST_SECOND).optional();

export const connectionClaims = z.object({
  sub: userSchema.optional(),
  info: dataSchema.optional(),
  channels: patternsSchema.default([]),
  publish: patternsSchema.default([]),
  // A subscription token is for one channel and must not open a connection.
  channel: z.never('a token with this claim is for one subscription, and cannot open a connection').optional(),
  exp: expirySchema,
});

/** User ids with these characters and of this length fit into the name of the user's own channel as they are. */
const PLAIN_USER = /^[\w.-]{1,200}$/;

const NONE: readonly string[] = [];

interface ConnectionClaims {
  readonly sub: string | undefined;
  readonly info: Json | undefined;
  readonly channels: readonly string[];
  readonly publish: readonly string[];
  readonly exp: number | undefined;
}

/**
 * Reads the claims of a connection's token, if they are as usual. The schema takes several times as long.
 *
 * @returns undefined for anything that the schema has to validate, or to explain.
 */
export function usualClaims({
  sub,
  info,
  channels = NONE,
  publish = NONE,
  channel,
  exp,
}: Readonly<Record<string, unknown>>): ConnectionClaims | undefined {
  const isUsual =
    (sub === undefined || (typeof sub === 'string' && PLAIN_USER.test(sub))) &&
    channel === undefined &&
    (exp === undefined || (typeof exp === 'number' && Number.isFinite(exp) && exp <= LAST_SECOND));
  if (!isUsual || !isPatterns(channels) || !isPatterns(publish)) return undefined;
  return { sub, info: info as Json | undefined, channels, publish, exp };
}
