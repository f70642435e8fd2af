import {
  dataSchema,
  ERRORS,
  keySchema,
  positionSchema,
  type ErrorCode,
  type ErrorData,
  type HistoryReply,
  type Member,
  type Members,
  type PublishReply,
  type Publication,
  type Sender,
} from '@holdfast/protocol';
import { z } from 'zod';

export const publishAnswer = positionSchema satisfies z.ZodType<PublishReply>;

export const errorAnswer = z.object({
  code: z.enum(Object.keys(ERRORS) as ErrorCode[]),
  message: z.string(),
  retryable: z.boolean(),
}) satisfies z.ZodType<ErrorData>;

const publishedResult = z.object({ channel: z.string(), ...positionSchema.shape });
/** Without a channel if none could be read. */
const failedResult = z.object({ channel: z.string().exactOptional(), error: errorAnswer });

/** In the order of the request. */
export const resultsAnswer = z.object({ results: z.array(z.union([publishedResult, failedResult])) });

export type PublishResult = z.output<typeof publishedResult> | z.output<typeof failedResult>;

/** `next` is the `after` of the next page; absent on the last one. */
export const channelsAnswer = z.object({ channels: z.array(z.string()), next: z.string().exactOptional() });

const memberAnswer = z.object({
  client: z.string(),
  user: z.string().exactOptional(),
  info: dataSchema.exactOptional(),
}) satisfies z.ZodType<Member>;

export const membersAnswer = z.object({
  members: z.array(memberAnswer),
  count: z.int().min(0),
}) satisfies z.ZodType<Members>;

const senderAnswer = z.object({ client: z.string(), user: z.string().exactOptional() }) satisfies z.ZodType<Sender>;

const publicationAnswer = z.object({
  offset: z.int().min(1),
  data: dataSchema,
  time: z.number(),
  sender: senderAnswer.exactOptional(),
  key: keySchema.exactOptional(),
}) satisfies z.ZodType<Publication>;

export const historyAnswer = positionSchema.extend({
  publications: z.array(publicationAnswer),
}) satisfies z.ZodType<HistoryReply>;

/** `since` is by the broker's clock, in ms since the Unix epoch. */
export const connectionsAnswer = z.object({
  connections: z.array(z.object({ client: z.string(), node: z.string(), since: z.number() })),
});

export const doneAnswer = z.object({});
