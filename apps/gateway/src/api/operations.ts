import type { ErrorCode } from '@holdfast/protocol';
import type { z } from 'zod';
import {
  channelsAnswer,
  connectionsAnswer,
  doneAnswer,
  historyAnswer,
  membersAnswer,
  publishAnswer,
  resultsAnswer,
} from './answers.js';
import {
  batchBody,
  broadcastBody,
  channelParams,
  channelsQuery,
  disconnectBody,
  historyQuery,
  publishBody,
  publishToUserBody,
  unblockBody,
  unsubscribeBody,
  userParams,
} from './requests.js';

/** What the OpenAPI document says about one route. */
export interface Operation {
  readonly id: string;
  readonly method: 'get' | 'post';
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** Without an API key. */
  readonly public?: true;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: { readonly schema: z.ZodType; readonly optional?: true; readonly example: unknown };
  readonly answer?: { readonly schema: z.ZodType; readonly example: unknown };
  /** Besides those of every operation with a key, a body or the broker. */
  readonly errors: readonly ErrorCode[];
}

const POSITION = { epoch: 'b2f9c6d1', offset: 42 };
const KEY_NOTE = 'Under the same key, the same API key and the same channel, a second one stores nothing.';

const BROKER_ERRORS = ['unavailable', 'unknown'] as const;
const PUBLISH_ERRORS = [...BROKER_ERRORS, 'key_conflict'] as const;

export const operations: readonly Operation[] = [
  {
    id: 'publish',
    method: 'post',
    path: '/api/publish',
    summary: 'Publish to a channel',
    description: `${KEY_NOTE} The header \`traceparent\` makes it part of a trace, if traces are exported.`,
    body: {
      schema: publishBody,
      example: { channel: 'chat:lobby', data: { text: 'Hello' }, key: '7c9e6679-7425-40de-944b-e07fc1f90ae7' },
    },
    answer: { schema: publishAnswer, example: POSITION },
    errors: ['invalid_channel', ...PUBLISH_ERRORS],
  },
  {
    id: 'broadcast',
    method: 'post',
    path: '/api/broadcast',
    summary: 'Publish the same to many channels',
    description: `Some may fail, each by itself; repeat it under the same key to publish what failed. ${KEY_NOTE}`,
    body: {
      schema: broadcastBody,
      example: { channels: ['chat:lobby', 'chat:help'], data: { text: 'Back in five minutes' }, key: 'notice-17' },
    },
    answer: {
      schema: resultsAnswer,
      example: {
        results: [
          { channel: 'chat:lobby', ...POSITION },
          {
            channel: 'chat:help',
            error: { code: 'key_conflict', message: 'this key was used before with other data', retryable: false },
          },
        ],
      },
    },
    errors: [],
  },
  {
    id: 'batch',
    method: 'post',
    path: '/api/batch',
    summary: 'Publish many things at once',
    description:
      'Some may fail, each by itself; the results have the order of the request. Those of one channel are stored in ' +
      `their order: behind one that failed and may be repeated, the rest of its channel is not tried. ${KEY_NOTE}`,
    body: {
      schema: batchBody,
      example: {
        publications: [
          { channel: 'chat:lobby', data: { text: 'Hello' }, key: 'message-1' },
          { channel: '@alice', data: { unread: 3 } },
        ],
      },
    },
    answer: {
      schema: resultsAnswer,
      example: {
        results: [
          { channel: 'chat:lobby', ...POSITION },
          { channel: '@alice', epoch: '9d41f0aa', offset: 7 },
        ],
      },
    },
    errors: [],
  },
  {
    id: 'listChannels',
    method: 'get',
    path: '/api/channels',
    summary: 'List the channels that someone is subscribed to',
    description:
      'In the order of their code units. `next` is the `after` of the next page, and absent on the last one.',
    query: channelsQuery,
    answer: { schema: channelsAnswer, example: { channels: ['chat:help', 'chat:lobby'], next: 'chat:lobby' } },
    errors: BROKER_ERRORS,
  },
  {
    id: 'getPresence',
    method: 'get',
    path: '/api/channels/{channel}/presence',
    summary: 'Tell who is in a channel',
    description: '`members` is capped, `count` is that of all.',
    params: channelParams,
    answer: {
      schema: membersAnswer,
      example: { members: [{ client: 'Yk3sV0pTQ2uZ', user: 'alice', info: { name: 'Alice' } }], count: 1 },
    },
    errors: ['invalid_channel', 'presence_disabled', ...BROKER_ERRORS],
  },
  {
    id: 'getHistory',
    method: 'get',
    path: '/api/channels/{channel}/history',
    summary: 'Read the recent publications of a channel',
    description:
      'With `epoch` and `offset`, only what followed this position (with `reverse`: came before it). The position of the ' +
      "answer is the channel's present one.",
    params: channelParams,
    query: historyQuery,
    answer: {
      schema: historyAnswer,
      example: {
        ...POSITION,
        publications: [
          {
            offset: 42,
            data: { text: 'Hello' },
            time: 1_767_225_600_000,
            sender: { client: 'Yk3sV0pTQ2uZ', user: 'alice' },
          },
        ],
      },
    },
    errors: ['invalid_channel', 'history_disabled', ...BROKER_ERRORS],
  },
  {
    id: 'publishToUser',
    method: 'post',
    path: '/api/users/{user}/publish',
    summary: "Publish to a user's own channel",
    description: KEY_NOTE,
    params: userParams,
    body: { schema: publishToUserBody, example: { data: { unread: 3 } } },
    answer: { schema: publishAnswer, example: { epoch: '9d41f0aa', offset: 7 } },
    errors: PUBLISH_ERRORS,
  },
  {
    id: 'disconnectUser',
    method: 'post',
    path: '/api/users/{user}/disconnect',
    summary: 'Close all connections of a user',
    description:
      'They are closed with 4009 and do not come back by themselves. With `until`, new ones are refused until then, or ' +
      'until the latest time that was given. The broker keeps that for pods that start later or do not reach it now, as far ' +
      'as it keeps anything: if it may lose its data, give the user no new token either.',
    params: userParams,
    body: { schema: disconnectBody, optional: true, example: {} },
    answer: { schema: doneAnswer, example: {} },
    errors: BROKER_ERRORS,
  },
  {
    id: 'unblockUser',
    method: 'post',
    path: '/api/users/{user}/unblock',
    summary: 'Let a user connect again who was disconnected with `until`',
    params: userParams,
    body: { schema: unblockBody, optional: true, example: {} },
    answer: { schema: doneAnswer, example: {} },
    errors: BROKER_ERRORS,
  },
  {
    id: 'unsubscribeUser',
    method: 'post',
    path: '/api/users/{user}/unsubscribe',
    summary: 'End the subscriptions of a user to a channel',
    description: 'They end with `unsubscribed`, code `kicked`. The user may subscribe again.',
    params: userParams,
    body: { schema: unsubscribeBody, example: { channel: 'chat:lobby' } },
    answer: { schema: doneAnswer, example: {} },
    errors: ['invalid_channel', ...BROKER_ERRORS],
  },
  {
    id: 'listConnections',
    method: 'get',
    path: '/api/users/{user}/connections',
    summary: 'List the connections of a user',
    description: "`since` is the broker's clock, in ms since the Unix epoch.",
    params: userParams,
    answer: {
      schema: connectionsAnswer,
      example: { connections: [{ client: 'Yk3sV0pTQ2uZ', node: 'holdfast-7d9f-x2x4k', since: 1_767_225_600_000 }] },
    },
    errors: BROKER_ERRORS,
  },
  {
    id: 'getOpenApi',
    method: 'get',
    path: '/api/openapi.json',
    summary: 'This document',
    public: true,
    errors: [],
  },
];
