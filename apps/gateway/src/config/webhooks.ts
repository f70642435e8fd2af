import { z } from 'zod';
import { HTTP_URL, httpUrl } from './http-url.js';
import { Reloadable } from './reloadable.js';
import { seconds, setting } from './setting.js';

/** What the authorization webhook can be asked about. */
const AUTHORIZED_ACTIONS = ['connect', 'subscribe', 'publish'] as const;
export type AuthorizedAction = (typeof AUTHORIZED_ACTIONS)[number];

/** What the event webhook can receive. */
const EVENT_TYPES = ['client.connected', 'client.disconnected', 'channel.occupied', 'channel.vacated'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** As specified by Standard Webhooks: 24 to 64 bytes in Base64 after a prefix. */
const SECRETS = 'whsec_ followed by 24 to 64 bytes in Base64 each, separated by commas or lines';
const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;

function isSecret(text: string): boolean {
  const [, encoded] = SECRET.exec(text) ?? [];
  if (encoded === undefined) return false;
  const key = Buffer.from(encoded, 'base64');
  return key.length >= 24 && key.length <= 64 && key.toString('base64') === encoded;
}

const CONCURRENCY =
  'How many requests of one pod may be in progress; four times as many may wait. One user has at most a ' +
  'quarter of them, and all clients without a proven identity together three quarters.';

function concurrency() {
  return z.int().min(1).max(10_000).prefault(64);
}

/** HTTP requests of the gateway to the team's own backend. */
export function webhooksSchema() {
  return z
    .strictObject({
      secrets: setting(
        z
          .array(z.string().refine(isSecret, `expected ${SECRETS}`))
          .transform((secrets) => new Reloadable(secrets))
          .prefault([]),
        {
          description:
            'Secrets that sign requests to the backend. Each of them adds a signature: to rotate, add the new one ' +
            'next to the old one.',
          env: 'HOLDFAST_WEBHOOK_SECRET',
          file: true,
          secret: true,
          expected: SECRETS,
        },
      ),
      authorization: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description: 'The URL to ask who may connect, subscribe and publish.',
            env: 'HOLDFAST_AUTHORIZATION_URL',
            expected: HTTP_URL,
          }),
          actions: setting(z.array(z.enum(AUTHORIZED_ACTIONS)).prefault([...AUTHORIZED_ACTIONS]), {
            description:
              'What to ask it about: `connect` for every connection, `subscribe` and `publish` if neither a rule ' +
              'nor a token permits it.',
            expected: `a list of ${AUTHORIZED_ACTIONS.join(', ')}`,
          }),
          timeout: setting(seconds(0.05, 30).prefault(2), {
            description: 'How long an answer may take. Without one the client is refused, and may try again.',
            unit: 'seconds',
          }),
          concurrency: setting(concurrency(), { description: CONCURRENCY }),
          cache: setting(seconds(0, 3_600).prefault(5), {
            description:
              'How long an answer about a subscribe or publish is reused for the same user and channel; 0: not at ' +
              'all.',
            unit: 'seconds',
          }),
        })
        .prefault({}),
      rpc: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description: 'The URL to send calls of clients to: events that no handler of the gateway answers.',
            env: 'HOLDFAST_RPC_URL',
            expected: HTTP_URL,
          }),
          timeout: setting(seconds(0.05, 30).prefault(5), {
            description: 'How long an answer may take. Without one the caller gets `unknown`.',
            unit: 'seconds',
          }),
          concurrency: setting(concurrency(), { description: CONCURRENCY }),
        })
        .prefault({}),
      events: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description: 'The URL to send events to.',
            env: 'HOLDFAST_EVENTS_URL',
            expected: HTTP_URL,
          }),
          types: setting(z.array(z.enum(EVENT_TYPES)).prefault([...EVENT_TYPES]), {
            description: 'Which events to send.',
            expected: `a list of ${EVENT_TYPES.join(', ')}`,
          }),
          maxBatch: setting(z.int().min(1).max(1_000).prefault(100), {
            description: 'The most events in one request.',
          }),
          maxDelay: setting(seconds(0, 60).prefault(1), {
            description: 'How long an event waits for others to fill a request.',
            unit: 'seconds',
          }),
          maxQueued: setting(z.int().min(1).max(1_000_000).prefault(10_000), {
            description:
              'The most events of one pod that wait while the backend is unavailable. With more, the oldest events ' +
              'of the user with the most are dropped.',
          }),
          timeout: setting(seconds(0.05, 60).prefault(5), {
            description: 'How long the backend may take to answer.',
            unit: 'seconds',
          }),
          retryFor: setting(seconds(0, 86_400).prefault(900), {
            description: 'How long a failed request is retried before its events are dropped.',
            unit: 'seconds',
          }),
        })
        .prefault({}),
    })
    .refine(
      ({ secrets, authorization, rpc, events }) => {
        const isUsed = [authorization, rpc, events].some(({ url }) => url !== undefined);
        return !isUsed || secrets.current.length > 0;
      },
      { path: ['secrets'], error: 'expected in HOLDFAST_WEBHOOK_SECRET: requests to a webhook are signed' },
    )
    .prefault({});
}
