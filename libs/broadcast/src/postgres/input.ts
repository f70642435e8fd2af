import { z } from 'zod';
import type { BrokerEvents, BrokerInput, ChannelMember, RegisteredConnection } from '../broker.js';
import { fromStored } from './text.js';

const memberSchema = z.object({ client: z.string(), details: z.string() }) satisfies z.ZodType<ChannelMember>;

const connectionSchema = z.object({
  client: z.string(),
  holder: z.string(),
  user: z.string(),
  node: z.string(),
  since: z.number(),
}) satisfies z.ZodType<RegisteredConnection>;

/** @returns undefined for anything but a member as JSON. */
export function parseMember(text: string): ChannelMember | undefined {
  return memberSchema.safeParse(parseJson(text)).data;
}

/** @returns undefined for anything but a connection as JSON. */
export function parseConnection(text: string): RegisteredConnection | undefined {
  return connectionSchema.safeParse(parseJson(text)).data;
}

/**
 * Parses stored texts; skips and reports those that cannot be read: others may write to the tables.
 *
 * @param name of the channel or user that they belong to.
 */
export function readable<T>(
  report: BrokerEvents['onInvalid'],
  kind: BrokerInput,
  name: string,
  stored: readonly unknown[],
  parse: (text: string) => T | undefined,
): T[] {
  const parsed = stored.map((text) => (typeof text === 'string' ? parse(fromStored(text)) : undefined));
  return parsed.filter((item) => {
    if (item === undefined) report(kind, name);
    return item !== undefined;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
