import {
  channelSchema,
  dataSchema,
  keySchema,
  MAX_CHANNEL_LENGTH,
  pageSchema,
  positionSchema,
  requestSchemas,
  userSchema,
} from '@holdfast/protocol';
import { z } from 'zod';

/** How many publications one request may hold. */
const MAX_BATCH = 1_000;

/** Without `after`: it is about the publishes of one connection. */
export const publishBody = requestSchemas.publish.omit({ after: true });

/** Channel names are validated one by one, so that an invalid one does not stop the others. */
export const broadcastBody = z.strictObject({
  channels: z.array(z.string()).min(1).max(MAX_BATCH),
  data: dataSchema,
  key: keySchema.optional(),
});

/** One publication of a batch. {@link publishBody} validates it when its turn comes. */
export const uncheckedPublication = z.unknown();
export const batchBody = z.strictObject({ publications: z.array(uncheckedPublication).min(1).max(MAX_BATCH) });

export const publishToUserBody = publishBody.omit({ channel: true });
export const unsubscribeBody = requestSchemas.unsubscribe;

export const disconnectBody = z
  .strictObject({
    until: z.int().describe('In ms since the Unix epoch, at most 30 days from now.').optional(),
  })
  .prefault({});

export const unblockBody = z.strictObject({}).prefault({});

export const channelParams = z.strictObject({ channel: channelSchema });
export const userParams = z.strictObject({ user: userSchema });

/** A whole number in a query. */
export const numberParam = z
  .string()
  .regex(/^\d{1,16}$/, 'must be a whole number')
  .transform(Number);

export const channelsQuery = z.strictObject({
  prefix: z.string().max(MAX_CHANNEL_LENGTH).describe('Only names with this prefix.').optional(),
  after: z
    .string()
    .max(MAX_CHANNEL_LENGTH)
    .describe('Only names after this one: the `next` of the previous page.')
    .optional(),
  limit: numberParam.pipe(pageSchema).optional(),
});

const { epoch, offset } = positionSchema.shape;

export const historyQuery = z
  .strictObject({
    epoch: epoch.optional(),
    offset: numberParam.pipe(offset).optional(),
    limit: numberParam.pipe(pageSchema).optional(),
    reverse: z
      .enum(['true', 'false'])
      .transform((value) => value === 'true')
      .pipe(z.boolean())
      .optional(),
  })
  .refine(
    (query) => (query.epoch === undefined) === (query.offset === undefined),
    '"epoch" and "offset" must be given together',
  );
