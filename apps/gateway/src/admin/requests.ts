import { channelSchema, MAX_CHANNEL_LENGTH, MAX_PAGE, userSchema } from '@holdfast/protocol';
import { z } from 'zod';

/** The largest page of channels: for each of them the broker is asked. */
export const MAX_CHANNELS_PAGE = 100;

function limitTo(max: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .optional();
}

export const noQuery = z.strictObject({});

export const connectionsQuery = z.strictObject({
  user: userSchema.describe('Only those of this user.').optional(),
  channel: channelSchema.describe('Only those that are subscribed to this channel.').optional(),
  after: z.string().max(64).describe('Only those after this one: the `next` of the previous page.').optional(),
  limit: limitTo(MAX_PAGE),
});

export const channelsQuery = z.strictObject({
  prefix: z.string().max(MAX_CHANNEL_LENGTH).describe('Only names with this prefix.').optional(),
  after: z
    .string()
    .max(MAX_CHANNEL_LENGTH)
    .describe('Only names after this one: the `next` of the previous page.')
    .optional(),
  limit: limitTo(MAX_CHANNELS_PAGE),
});
