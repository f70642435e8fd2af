import { z } from 'zod';
import { isChannel, userChannel } from './channels.js';
import { ERRORS, type ErrorCode } from './errors.js';
import type { Json, NoticeEvent, RequestEvent, Requests } from './events.js';

/** The maximum number of publications per request. */
export const MAX_PAGE = 1_000;

/** The maximum length of an error's detail, in characters. */
const MAX_DETAIL = 200;

/** The maximum length of a token, in characters: common proxies limit headers to 8 KiB. */
export const MAX_TOKEN_LENGTH = 8_000;

export const channelSchema = z.string().refine(isChannel, ERRORS.invalid_channel.message);
export const positionSchema = z.object({ epoch: z.string().min(1).max(64), offset: z.int().min(0) });
export const keySchema = z.string().min(1).max(64);
export const pageSchema = z.int().min(1).max(MAX_PAGE);
/** The result of JSON.parse is always valid JSON, so only its absence is an error. */
export const dataSchema = z.custom<Json>((data) => data !== undefined, 'required');
/** A user id that fits into the name of the user's own channel. */
export const userSchema = z
  .string()
  .min(1)
  .max(200)
  .refine(hasOwnChannel, 'expected a shorter id: it must fit into a channel name when percent-encoded');
const tokenSchema = z.string().min(1).max(MAX_TOKEN_LENGTH);

/** The validators of each request's data. Unknown members are refused, so that misspelt names are noticed. */
export const requestSchemas = {
  connect: z.strictObject({ token: tokenSchema, session: z.string().min(1).max(64).optional() }),
  subscribe: z
    .strictObject({
      channel: channelSchema,
      since: positionSchema.optional(),
      last: pageSchema.optional(),
      presence: z.boolean().optional(),
      token: tokenSchema.optional(),
    })
    .refine(({ since, last }) => since === undefined || last === undefined, 'expected "since" or "last", not both'),
  unsubscribe: z.strictObject({ channel: channelSchema }),
  publish: z.strictObject({
    channel: channelSchema,
    data: dataSchema,
    key: keySchema.optional(),
    after: keySchema.optional(),
  }),
  presence: z.strictObject({ channel: channelSchema }),
  history: z.strictObject({
    channel: channelSchema,
    since: positionSchema.optional(),
    limit: pageSchema.optional(),
    reverse: z.boolean().optional(),
  }),
  refresh: z.strictObject({ token: tokenSchema }),
  ping: z.union([z.undefined(), z.null(), z.strictObject({})]).transform(() => undefined),
} satisfies { [E in RequestEvent]: z.ZodType<Requests[E]['data']> };

/** What the gateway sends without a request, and its answers. */
const SENT_BY_GATEWAY: ReadonlySet<string> = new Set<NoticeEvent | 'reply' | 'error'>([
  'welcome',
  'message',
  'join',
  'leave',
  'members',
  'gap',
  'reconnect',
  'unsubscribed',
  'reply',
  'error',
]);

/** Whether the backend can be asked to answer an event of this name, unless it is one of the protocol's requests. */
export function isCallable(event: string): boolean {
  return /^[\w.:/-]{1,64}$/.test(event) && !SENT_BY_GATEWAY.has(event);
}

/** The requests that are useless without a reply, and so require an id. */
export const EVENTS_WITH_ID: ReadonlySet<string> = new Set<RequestEvent>([
  'connect',
  'subscribe',
  'presence',
  'history',
  'refresh',
]);

/** Describes the first issue as `path: expectation`, without the value. */
export function describeIssue(error: z.ZodError): { code: ErrorCode; detail: string } {
  const issue = error.issues[0];
  if (issue === undefined) return { code: 'invalid', detail: 'unknown' };
  // Paths and messages may contain names from the client, of any length.
  const path = issue.path.join('.').slice(0, MAX_DETAIL);
  if (issue.message === ERRORS.invalid_channel.message) return { code: 'invalid_channel', detail: path };
  return { code: 'invalid', detail: (path === '' ? issue.message : `${path}: ${issue.message}`).slice(0, MAX_DETAIL) };
}

function hasOwnChannel(user: string): boolean {
  try {
    userChannel(user);
    return true;
  } catch {
    return false;
  }
}
