import { channelSchema, MAX_PAGE, userSchema } from '@holdfast/protocol';
import { z } from 'zod';
import { channelsQuery as channelsOfAllPods, numberParam } from '../api/requests.js';

/** The largest page of channels: for each of them the broker is asked. */
export const MAX_CHANNELS_PAGE = 100;

function limitTo(max: number) {
  return numberParam.pipe(z.int().min(1).max(max)).optional();
}

export const noQuery = z.strictObject({});

export const connectionsQuery = z.strictObject({
  user: userSchema.describe('Only those of this user.').optional(),
  channel: channelSchema.describe('Only those that are subscribed to this channel.').optional(),
  after: z.string().max(64).describe('Only those after this one: the `next` of the previous page.').optional(),
  limit: limitTo(MAX_PAGE),
});

export const channelsQuery = channelsOfAllPods.extend({ limit: limitTo(MAX_CHANNELS_PAGE) });
