import { channelSchema, userSchema } from '@holdfast/protocol';
import { z } from 'zod';

/**
 * A user who may not connect until a time in ms since the Unix epoch, as it is stored in the stream of blocks. The time {@link LIFTED}
 * ends the blocks before it; releases that do not know it take it for one that has expired.
 */
export const blockSchema = z.object({ user: userSchema, until: z.number() });
export type Block = z.output<typeof blockSchema>;

export const LIFTED = 0;

/** Blocks with the same key are the same. */
export function keyOfBlock({ user, until }: Block): string {
  return `${until} ${user}`;
}

/** What the HTTP API does to a user, wherever the user is connected. */
export const userCommandSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('disconnect'), user: userSchema, until: z.number().optional() }),
  z.object({ type: z.literal('unblock'), user: userSchema }),
  z.object({ type: z.literal('unsubscribe'), user: userSchema, channel: channelSchema }),
]);
export type UserCommand = z.output<typeof userCommandSchema>;

/** A command in a signal. Older releases do not say where it is stored. */
export const userSignalSchema = z.intersection(
  userCommandSchema,
  z.object({ stored: z.object({ epoch: z.string(), offset: z.number() }).optional() }),
);
export type UserSignal = z.output<typeof userSignalSchema>;

/** What pods exchange if those that start cannot read the stream of blocks. */
export const blocksSignalSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('blocks-wanted') }),
  z.object({ type: z.literal('blocks'), blocks: z.array(blockSchema) }),
]);
export type BlocksSignal = z.output<typeof blocksSignalSchema>;
