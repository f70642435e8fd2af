import { dataSchema, userSchema } from '@holdfast/protocol';
import { z } from 'zod';
import { patternsSchema } from './patterns-schema.js';

/** Seconds from now, up to a year. */
const expiresSchema = z.number().positive().max(31_536_000).optional();

const refusal = z.strictObject({
  allow: z.literal(false),
  code: z.enum(['forbidden', 'unauthorized']).default('forbidden'),
});

/** Strict, so that a typo never permits more than was meant. */
export const answerSchemas = {
  connect: z.discriminatedUnion('allow', [
    refusal,
    z.strictObject({
      allow: z.literal(true),
      user: userSchema.optional(),
      info: dataSchema.optional(),
      channels: patternsSchema.optional(),
      publish: patternsSchema.optional(),
      expires: expiresSchema,
    }),
  ]),
  subscribe: z.discriminatedUnion('allow', [
    refusal,
    z.strictObject({ allow: z.literal(true), expires: expiresSchema }),
  ]),
  publish: z.discriminatedUnion('allow', [refusal, z.strictObject({ allow: z.literal(true) })]),
};

export type Answer<A extends keyof typeof answerSchemas> = z.output<(typeof answerSchemas)[A]>;
export type Permit<A extends keyof typeof answerSchemas> = Extract<Answer<A>, { allow: true }>;
