import { z } from 'zod';
import { HTTP_URL, httpUrl } from './http-url.js';
import { Reloadable } from './reloadable.js';
import { seconds, setting } from './setting.js';

/** What the authorisation webhook can be asked about. */
const AUTHORIZED_ACTIONS = ['connect', 'subscribe', 'publish'] as const;
export type AuthorizedAction = (typeof AUTHORIZED_ACTIONS)[number];

/** What the event webhook can be told. */
const EVENT_TYPES = ['client.connected', 'client.disconnected', 'channel.occupied', 'channel.vacated'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** As the Standard Webhooks specification has them: 24 to 64 bytes in Base64 behind a prefix. */
const SECRETS = 'whsec_ followed by 24 to 64 bytes in Base64 each, separated by commas or lines';
const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;

function isSecret(text: string): boolean {
  const [, encoded] = SECRET.exec(text) ?? [];
  if (encoded === undefined) return false;
  const key = Buffer.from(encoded, 'base64');
  return key.length >= 24 && key.length <= 64 && key.toString('base64') === encoded;
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
            'What requests to the backend are signed with, by each of them: put the new one beside the old one to rotate.',
          env: 'HOLDFAST_WEBHOOK_SECRET',
          file: true,
          secret: true,
          expected: SECRETS,
        },
      ),
      authorization: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description: 'Where the backend is asked who may connect, subscribe and publish.',
            env: 'HOLDFAST_AUTHORIZATION_URL',
            expected: HTTP_URL,
          }),
          actions: setting(z.array(z.enum(AUTHORIZED_ACTIONS)).prefault([...AUTHORIZED_ACTIONS]), {
            description:
              'What it is asked about: `connect` for every connection; `subscribe` and `publish` where neither a rule nor a ' +
              'token permits it.',
            expected: `a list of ${AUTHORIZED_ACTIONS.join(', ')}`,
          }),
          timeout: setting(seconds(0.05, 30).prefault(2), {
            description: 'How long an answer may take. Without one the client is refused, and may try again.',
            unit: 'seconds',
          }),
          concurrency: setting(z.int().min(1).max(10_000).prefault(64), {
            description:
              'How many requests of one pod are under way at once; four times as many may wait. One user has at most a ' +
              'quarter of them, and whoever has not proven who they are three quarters together.',
          }),
          cache: setting(seconds(0, 3_600).prefault(5), {
            description:
              'For how long an answer about a subscribe or a publish holds for the same user and channel; 0: not.',
            unit: 'seconds',
          }),
        })
        .prefault({}),
      events: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description: 'Where the backend is told of events.',
            env: 'HOLDFAST_EVENTS_URL',
            expected: HTTP_URL,
          }),
          types: setting(z.array(z.enum(EVENT_TYPES)).prefault([...EVENT_TYPES]), {
            description: 'What it is told of.',
            expected: `a list of ${EVENT_TYPES.join(', ')}`,
          }),
          maxBatch: setting(z.int().min(1).max(1_000).prefault(100), {
            description: 'How many events one request holds at most.',
          }),
          maxDelay: setting(seconds(0, 60).prefault(1), {
            description: 'How long an event waits for others to fill a request.',
            unit: 'seconds',
          }),
          maxQueued: setting(z.int().min(1).max(1_000_000).prefault(10_000), {
            description:
              'How many events of one pod wait at most while the backend is away; beyond, the oldest of whoever caused most ' +
              'of them are dropped.',
          }),
          timeout: setting(seconds(0.05, 60).prefault(5), {
            description: 'How long the backend may take to answer.',
            unit: 'seconds',
          }),
          retryFor: setting(seconds(0, 86_400).prefault(900), {
            description: 'For how long a request that fails is sent again, before its events are dropped.',
            unit: 'seconds',
          }),
        })
        .prefault({}),
    })
    .refine(
      ({ secrets, authorization, events }) => {
        const isUsed = authorization.url !== undefined || events.url !== undefined;
        return !isUsed || secrets.current.length > 0;
      },
      { path: ['secrets'], error: 'expected in HOLDFAST_WEBHOOK_SECRET: requests to a webhook are signed' },
    )
    .prefault({});
}
