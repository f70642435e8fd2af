import { z } from 'zod';

/** What one pod tells all of them about a user. */
const userSignalSchema = z.discriminatedUnion('type', [
  // `until` is in ms since the Unix epoch.
  z.object({ type: z.literal('disconnect'), user: z.string(), until: z.number().optional() }),
  z.object({ type: z.literal('unsubscribe'), user: z.string(), channel: z.string() }),
]);

export type UserSignal = z.output<typeof userSignalSchema>;

/** @returns undefined for what no pod of this release sends. */
export function parseUserSignal(text: string): UserSignal | undefined {
  return userSignalSchema.safeParse(parseJson(text)).data;
}

/** `until` is in ms since the Unix epoch. */
const refusalSchema = z.object({ user: z.string(), until: z.number() });

export type Refusal = Readonly<z.output<typeof refusalSchema>>;

/** @returns undefined for what no pod of this release stores. */
export function parseRefusal(text: string): Refusal | undefined {
  return refusalSchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
