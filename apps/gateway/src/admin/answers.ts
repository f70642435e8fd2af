import { z } from 'zod';
import { connectionsAnswer } from '../api/answers.js';

const count = z.int().min(0);
const bytes = z.int().min(0);
const ms = z.number().min(0);

const brokerState = z.object({
  kind: z.string(),
  up: z.boolean(),
  reason: z.string().describe('Why it cannot be used.').exactOptional(),
  now: z.number().describe("The broker's clock as this pod knows it, in ms since the Unix epoch."),
  epoch: z
    .string()
    .describe(
      'The same on all pods. Another one means that the broker has lost its data. Absent until a user has been blocked.',
    )
    .exactOptional(),
  lag: ms.describe('How far this pod is behind in reading, in ms: the largest of all partitions.').exactOptional(),
  reconnects: count.describe('Lost connections that were restored.'),
  lastOutage: z
    .object({ reason: z.string(), at: z.number().describe("By the pod's clock, in ms since the Unix epoch.") })
    .describe('The latest outage, which may be over.')
    .exactOptional(),
  evictionPolicy: z
    .string()
    .describe('By which the server removes data once its memory is full. Absent if it removes none.')
    .exactOptional(),
  memory: z.object({ used: bytes, max: bytes }).describe('Histories in the memory of this pod.').exactOptional(),
  partitions: z
    .array(
      z.object({
        partition: z.int(),
        problem: z.string().exactOptional(),
        lag: ms,
        isBehind: z.boolean(),
        unread: count.exactOptional(),
      }),
    )
    .describe('Of a broker on a log.')
    .exactOptional(),
});

const limitState = z.object({
  name: z.enum(['connections', 'channels', 'heldBytes', 'bufferedBytes', 'memoryBytes', 'eventLoopDelayMs']),
  used: z.number().min(0),
  max: z.number().min(0),
});

export const stateAnswer = z.object({
  node: z.string().describe("The pod's name."),
  version: z.string(),
  uptime: ms.describe('In ms.'),
  now: z.number().describe("The pod's clock, in ms since the Unix epoch."),
  configuration: z.string().describe('Pods with the same fingerprint are configured alike. Secrets do not count.'),
  stage: z
    .enum(['starting', 'ready', 'settling', 'draining'])
    .describe('Settling: not ready any more, but still accepting. Draining: clients are asked to connect elsewhere.'),
  drain: z.object({ settle: ms, window: ms }).describe('How long a stopping pod settles and drains, in ms.'),
  ready: z.boolean(),
  reasons: z.array(z.string()).describe('Why the pod is not ready.'),
  overloaded: z.boolean(),
  broker: brokerState,
  connections: count,
  clients: count.describe('Two connections of a client that is moving count once.'),
  users: count.describe('Without anonymous clients.'),
  channels: count.describe('With subscribers on this pod.'),
  subscriptions: count,
  limits: z.array(limitState).describe('Limits of the pod, and how much of each is used.'),
  totals: z
    .object({
      framesIn: count,
      published: count,
      messagesOut: count,
      conflated: count,
      slowConsumers: count,
      gaps: count,
    })
    .describe('Counters since the pod started. Slow consumers are those that were disconnected.'),
  slowConsumers: z
    .array(
      z.object({
        connection: z.string(),
        client: z.string(),
        user: z.string().exactOptional(),
        waiting: bytes.describe('What waits for this client to read, in bytes.'),
      }),
    )
    .describe('The ten connections for which the most waits, the most first; those with less than 4 KiB do not count.'),
});

/** `next` is the `after` of the next page; absent on the last one. */
export const connectionsPage = z.object({
  connections: z.array(
    z.object({
      id: z.string(),
      client: z.string(),
      user: z.string().describe('Absent for an anonymous client.').exactOptional(),
      address: z.string().describe("The client's address, if `limits.trustedHops` is set.").exactOptional(),
      peer: z
        .string()
        .describe('The address of the other end of the TCP connection, which may be a proxy.')
        .exactOptional(),
      protocol: z.string().describe('The subprotocol; absent for a plain client.').exactOptional(),
      age: ms.describe('In ms.'),
      subscriptions: count,
      buffered: bytes.describe('Waiting to be sent.'),
    }),
  ),
  next: z.string().exactOptional(),
});

/** `next` is the `after` of the next page; absent on the last one. */
export const channelsPage = z.object({
  channels: z.array(
    z.object({
      channel: z.string(),
      subscribers: count.describe('On this pod.'),
      rate: z.number().min(0).describe('Publications per second, over about the last 10 s.'),
      epoch: z.string(),
      offset: count,
      history: count.describe('Publications that the broker keeps; absent if it is not available.').exactOptional(),
    }),
  ),
  next: z.string().exactOptional(),
});

/** On all pods. */
export const userAnswer = connectionsAnswer.extend({
  blockedUntil: z
    .number()
    .describe("Absent if the user may connect. By the broker's clock, in ms since the Unix epoch.")
    .exactOptional(),
});

export type State = z.output<typeof stateAnswer>;
export type ConnectionsPage = z.output<typeof connectionsPage>;
export type ChannelsPage = z.output<typeof channelsPage>;
export type UserAnswer = z.output<typeof userAnswer>;
