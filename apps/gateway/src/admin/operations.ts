import { doneAnswer, historyAnswer } from '../api/answers.js';
import type { DescribedApi } from '../api/openapi.js';
import type { Operation } from '../api/operations.js';
import { channelParams, disconnectBody, historyQuery, unblockBody, userParams } from '../api/requests.js';
import { channelsPage, connectionsPage, stateAnswer, userAnswer, type State } from './answers.js';
import type { Config } from '../config/index.js';
import { channelsQuery, connectionsQuery, noQuery } from './requests.js';

const BROKER_ERRORS = ['unavailable', 'unknown'] as const;

const STATE: State = {
  node: 'holdfast-7d9f-x2x4k',
  version: '0.1.0',
  uptime: 86_400_000,
  now: 1_767_225_600_000,
  configuration: '0d1f6a5c3b7e9a42',
  stage: 'ready',
  drain: { settle: 15_000, window: 30_000 },
  ready: true,
  reasons: [],
  overloaded: false,
  broker: { kind: 'redis', up: true, now: 1_767_225_600_004, reconnects: 0 },
  connections: 812,
  clients: 811,
  users: 640,
  channels: 97,
  subscriptions: 1_904,
  limits: [{ name: 'connections', used: 811, max: 10_000 }],
  totals: { framesIn: 91_340, published: 12_011, messagesOut: 402_199, conflated: 0, slowConsumers: 2, gaps: 0 },
  slowConsumers: [{ connection: 'Zk3sV0pT.1f', client: 'Yk3sV0pTQ2uZ', user: 'alice', waiting: 65_536 }],
};

/** What only looks, and only at the pod that answers. */
export const ADMIN_OPERATIONS = {
  state: {
    id: 'getState',
    method: 'get',
    path: '/admin/state',
    summary: 'The state of this pod',
    query: noQuery,
    answer: { schema: stateAnswer, example: STATE },
    errors: [],
  },
  connections: {
    id: 'listPodConnections',
    method: 'get',
    path: '/admin/connections',
    summary: 'List the connections of this pod',
    query: connectionsQuery,
    answer: {
      schema: connectionsPage,
      example: {
        connections: [
          {
            id: 'Zk3sV0pT.1f',
            client: 'Yk3sV0pTQ2uZ',
            user: 'alice',
            address: '203.0.113.7',
            peer: '10.1.0.4',
            protocol: 'holdfast.v1.json',
            age: 61_000,
            subscriptions: 2,
            buffered: 0,
          },
        ],
      },
    },
    errors: ['invalid_channel'],
  },
  channels: {
    id: 'listPodChannels',
    method: 'get',
    path: '/admin/channels',
    summary: 'List the channels with subscribers on this pod',
    description: 'In the order of their code units.',
    query: channelsQuery,
    answer: {
      schema: channelsPage,
      example: {
        channels: [{ channel: 'chat:lobby', subscribers: 40, rate: 1.5, epoch: 'b2f9c6d1', offset: 42, history: 42 }],
      },
    },
    errors: [],
  },
  openApi: {
    id: 'getAdminOpenApi',
    method: 'get',
    path: '/admin/openapi.json',
    summary: 'This document',
    query: noQuery,
    errors: [],
  },
} as const satisfies Record<string, Operation>;

/** What the operations page needs besides: users on all pods, what is done to them, and messages. */
export const PAGE_OPERATIONS = {
  user: {
    id: 'getUser',
    method: 'get',
    path: '/admin/users/{user}',
    summary: 'List the connections of a user on all pods, and say whether the user is blocked',
    description: "`since` is the broker's clock, in ms since the Unix epoch.",
    params: userParams,
    query: noQuery,
    answer: {
      schema: userAnswer,
      example: { connections: [{ client: 'Yk3sV0pTQ2uZ', node: 'holdfast-7d9f-x2x4k', since: 1_767_225_600_000 }] },
    },
    errors: BROKER_ERRORS,
  },
  disconnect: {
    id: 'disconnectUser',
    method: 'post',
    path: '/admin/users/{user}/disconnect',
    summary: 'Close all connections of a user, and with `until` refuse new ones until then',
    params: userParams,
    query: noQuery,
    body: { schema: disconnectBody, optional: true, example: { until: 1_767_225_600_000 } },
    answer: { schema: doneAnswer, example: {} },
    errors: BROKER_ERRORS,
  },
  unblock: {
    id: 'unblockUser',
    method: 'post',
    path: '/admin/users/{user}/unblock',
    summary: 'Let a user connect again',
    params: userParams,
    query: noQuery,
    body: { schema: unblockBody, optional: true, example: {} },
    answer: { schema: doneAnswer, example: {} },
    errors: BROKER_ERRORS,
  },
  history: {
    id: 'getHistory',
    method: 'get',
    path: '/admin/channels/{channel}/history',
    summary: 'Read the recent publications of a channel',
    params: channelParams,
    query: historyQuery,
    answer: {
      schema: historyAnswer,
      example: {
        epoch: 'b2f9c6d1',
        offset: 42,
        publications: [{ offset: 42, data: { text: 'Hello' }, time: 1_767_225_600_000 }],
      },
    },
    errors: ['invalid_channel', 'history_disabled', ...BROKER_ERRORS],
  },
} as const satisfies Record<string, Operation>;

/** The admin API, with what the operations page needs if there is one. */
export function adminApi({ operationsPage }: Pick<Config, 'operationsPage'>): DescribedApi {
  return {
    title: 'Holdfast admin API',
    description: 'For operators, on the management port: the state of one pod.',
    operations: [...Object.values(ADMIN_OPERATIONS), ...(operationsPage ? Object.values(PAGE_OPERATIONS) : [])],
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An admin key.' } },
    guardErrors: ['unauthorized'],
  };
}
