import type { ChannelMember } from '@holdfast/broadcast';
import { dataSchema, type Member } from '@holdfast/protocol';
import { z } from 'zod';
import type { Connection } from '../connection/connection.js';
import { isNestedWithin, MAX_NESTING } from './message.js';

const detailsSchema = z.object({
  user: z.string().exactOptional(),
  info: dataSchema.refine((info) => isNestedWithin(info, MAX_NESTING)).exactOptional(),
});

/** A connection as the broker stores it among a channel's members. */
export function encodeMember({ client, identity }: Connection): ChannelMember {
  return { client, details: JSON.stringify({ user: identity?.user, info: identity?.info }) };
}

/** @returns undefined for a member with invalid details. */
export function decodeMember({ client, details }: ChannelMember): Member | undefined {
  try {
    const { data } = detailsSchema.safeParse(JSON.parse(details));
    return data && { client, ...data };
  } catch {
    return undefined;
  }
}
