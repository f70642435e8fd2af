import { z } from 'zod';
import type { BrokerEvents, RegisteredConnection, ChannelMember, Position } from '../broker.js';
import { BrokerUnknownError } from '../errors.js';

/** A whole number of at most 2^53 - 1, as the scripts write it. */
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

/** What the scripts and commands answer, by what is asked. */
export const ANSWERS = {
  names: z.array(z.string()),
  history: z.tuple([z.string().min(1), wholeNumber, wholeNumber, z.array(z.unknown())]),
  /** Whether it was announced, how many there are, and since when the holder has it. */
  join: z.tuple([z.int(), count, wholeNumber]),
  /** Whether it was announced, how many are left, and what was told of who left. */
  leave: z.tuple([z.int(), count, z.string().optional()]),
  members: z.tuple([count], z.string()),
  /** Of each that left, how many are left and what was told of it. */
  leaves: z.array(z.union([count, z.string()])),
  /** How many were put back, how many the pod or the user has, and what follows for each that was announced. */
  putBack: z.tuple([count, count], count),
  /** The birth of the lease, whether another pod claims it, and the pods that are dead. */
  heartbeat: z.tuple([z.string(), z.int()], z.string()),
  /** How many were taken out, then of each that left how many are left and what was told of it. */
  sweep: z.tuple([count], z.union([count, z.string()])),
  /** The pod, and what is kept of the connection, in turns. */
  connections: z.array(z.string()),
  /** Since when the holder has it. */
  register: wholeNumber,
} as const;

/** Reads what a server answers and keeps: whoever may use the server may write anything there. */
export class RedisInput {
  readonly #report: BrokerEvents['onInvalid'];

  constructor(report: BrokerEvents['onInvalid']) {
    this.#report = report;
  }

  /**
   * @param name of what was asked about.
   * @throws BrokerUnknownError if it is something else than what is asked for.
   */
  answer<T>(schema: z.ZodType<T>, answer: unknown, name: string): T {
    const parsed = schema.safeParse(answer);
    if (!parsed.success) throw this.badAnswer(name);
    return parsed.data;
  }

  badAnswer(name: string): BrokerUnknownError {
    this.#report('answer', name);
    return new BrokerUnknownError('Redis answered something else than was asked for');
  }

  /** @param text what was told of a member of a room; undefined is returned for what is none. */
  member(text: string, room: string): ChannelMember | undefined {
    const member = parseMember(text);
    if (member === undefined) this.#report('member', room);
    return member;
  }

  connection(text: string, user: string): RegisteredConnection | undefined {
    const parsed = connectionSchema.safeParse(parseJson(text));
    if (!parsed.success) this.#report('connection', user);
    return parsed.data;
  }

  publication(channel: string): void {
    this.#report('publication', channel);
  }

  /** A key of this tag holds what no script of ours writes. */
  key(tag: string): void {
    this.#report('key', tag);
  }
}

/** The position in an answer `[…, epoch, offset]`; undefined if there is none. By hand: each publish is answered so. */
export function positionIn(answer: unknown): Position | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [, epoch, offset] = answer as unknown[];
  if (typeof epoch !== 'string' || epoch === '' || typeof offset !== 'string') return undefined;
  const number = wholeNumberIn(offset);
  return number === undefined ? undefined : { epoch, offset: number };
}

/** @returns undefined for what is no whole number, or one that a number cannot hold exactly. */
export function wholeNumberIn(text: string): number | undefined {
  const number = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
}

export function parseMember(text: string): ChannelMember | undefined {
  return memberSchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
