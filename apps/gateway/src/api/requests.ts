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

export const publishBody = requestSchemas.publish;

/** Channel names are checked one by one, so that a bad one does not stop the others. */
export const broadcastBody = z.strictObject({
  channels: z.array(z.string()).min(1).max(MAX_BATCH),
  data: dataSchema,
  key: keySchema.optional(),
});

/** One publication of a batch, checked by {@link publishBody} when its turn comes. */
export const uncheckedPublication = z.unknown();
export const batchBody = z.strictObject({ publications: z.array(uncheckedPublication).min(1).max(MAX_BATCH) });

export const publishToUserBody = publishBody.omit({ channel: true });
export const unsubscribeBody = requestSchemas.unsubscribe;

export const disconnectBody = z
  .strictObject({
    until: z.int().describe('In ms since the Unix epoch, at most 30 days from now.').optional(),
  })
  .prefault({});

export const channelParams = z.strictObject({ channel: channelSchema });
export const userParams = z.strictObject({ user: userSchema });

/** A whole number of a query. */
const numberParam = z
  .string()
  .regex(/^\d{1,16}$/, 'expected a whole number')
  .transform(Number);

export const channelsQuery = z.strictObject({
  prefix: z.string().max(MAX_CHANNEL_LENGTH).describe('Only names that begin with it.').optional(),
  after: z.string().max(MAX_CHANNEL_LENGTH).describe('Only names behind it: the `next` of the page before.').optional(),
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
    'give "epoch" and "offset", or neither',
  );
