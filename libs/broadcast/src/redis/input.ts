import { z } from 'zod';
import type { BrokerEvents, BrokerInput, ChannelMember, Position, RegisteredConnection } from '../broker.js';
import { BrokerUnknownError } from '../errors.js';

/** A whole number up to 2^53 - 1, as the scripts write it. */
const wholeNumber = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .refine(Number.isSafeInteger);
const count = z.int().min(0);

const memberSchema = z.object({ client: z.string(), details: z.string() }) satisfies z.ZodType<ChannelMember>;

const connectionSchema = z.object({
  client: z.string(),
  holder: z.string(),
  user: z.string(),
  node: z.string(),
  since: z.number(),
}) satisfies z.ZodType<RegisteredConnection>;

/** Id, channel, key, data, and how many characters of it replace something. */
const inboxEntry = z.tuple([z.string(), z.string(), z.string(), z.string(), z.int()]);

/** The answers of scripts and commands. */
export const ANSWERS = {
  names: z.array(z.string()),
  /** Epoch, offset, the first offset that is kept, and the entries. */
  history: z.tuple([z.string().min(1), wholeNumber, wholeNumber, z.array(z.unknown())]),
  /** Whether it was announced, the number of members, and since when the holder has the client. */
  join: z.tuple([z.int(), count, wholeNumber]),
  /** Whether it was announced, and the number of remaining members. */
  leave: z.tuple([z.int(), count]),
  /** The number of members, and members as JSON. */
  members: z.tuple([count], z.string()),
  /** For each member that left: the number of remaining members, and the member as JSON. */
  leaves: z.array(z.union([count, z.string()])),
  /** How many were restored, how many the pod or the user has, and two numbers for each that was announced. */
  restored: z.tuple([count, count], count),
  /** The birth of the lease, whether another pod claims it, and the dead pods. */
  heartbeat: z.tuple([z.string(), z.int()], z.string()),
  /** How many were taken out, then as `leaves`. */
  sweep: z.tuple([count], z.union([count, z.string()])),
  /** Alternately a pod and a connection as JSON. */
  connections: z.array(z.string()),
  /** Since when the holder has the client. */
  register: wholeNumber,
  inboxEntry,
  /** Whether this pod has the lease, and entries. */
  inbox: z.tuple([z.int()], inboxEntry),
} as const;

/** Validates what a server answers and stores: every user of the server can write anything there. */
export class RedisInput {
  readonly #report: BrokerEvents['onInvalid'];

  constructor(report: BrokerEvents['onInvalid']) {
    this.#report = report;
  }

  /**
   * @param name of what was asked for.
   * @throws BrokerUnknownError if the answer does not match the schema.
   */
  answer<T>(schema: z.ZodType<T>, answer: unknown, name: string): T {
    const parsed = schema.safeParse(answer);
    if (!parsed.success) throw this.badAnswer(name);
    return parsed.data;
  }

  badAnswer(name: string): BrokerUnknownError {
    this.#report('answer', name);
    return new BrokerUnknownError('the answer from Redis does not match the schema');
  }

  /**
   * Parses stored entries; skips and reports those that cannot be read.
   *
   * @param name of the channel or user that they belong to.
   * @param parse returns undefined for an entry that cannot be read.
   */
  readable<Raw, T>(
    kind: BrokerInput,
    name: string,
    entries: readonly Raw[],
    parse: (entry: Raw) => T | undefined,
  ): T[] {
    const readable: T[] = [];
    for (const entry of entries) {
      const parsed = parse(entry);
      if (parsed === undefined) this.#report(kind, name);
      else readable.push(parsed);
    }
    return readable;
  }

  /** A key with this tag holds a type that no script of ours writes. */
  key(tag: string): void {
    this.#report('key', tag);
  }
}

/** The position in an answer `[…, epoch, offset]`, if it has one. Parsed by hand, as every publish returns one. */
export function positionIn(answer: unknown): Position | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [, epoch, offset] = answer as unknown[];
  if (typeof epoch !== 'string' || epoch === '' || typeof offset !== 'string') return undefined;
  const number = wholeNumberIn(offset);
  return number === undefined ? undefined : { epoch, offset: number };
}

/** @returns undefined for anything but a whole number that a JavaScript number holds exactly. */
export function wholeNumberIn(text: string): number | undefined {
  const number = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
}

export function parseMember(text: string): ChannelMember | undefined {
  return memberSchema.safeParse(parseJson(text)).data;
}

export function parseConnection(text: string): RegisteredConnection | undefined {
  return connectionSchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
