import { hostname } from 'node:os';
import { z } from 'zod';
import { jwtSchema, verifiesTokens } from './jwt.js';
import { limitsSchema, overloadSchema } from './limits.js';
import { namespaceContradictions, namespaceDefaultsSchema, namespacesSchema, resolveNamespaces } from './namespaces.js';
import { Reloadable } from './reloadable.js';
import { seconds, setting } from './setting.js';
import { webhooksSchema } from './webhooks.js';

export type Mode = 'development' | 'production';

const API_KEYS = 'keys of at least 16 visible ASCII characters each, separated by commas or lines';
const BROKER = 'memory: or a URL, SCHEME://…';
const ORIGINS = '* or origins such as https://example.com, https://*.example.com or http://localhost:*';

/** Where the page of somebody who develops may be served from. Nobody else can serve pages from there. */
const LOCAL_ORIGINS = ['http', 'https'].flatMap((scheme) =>
  ['localhost', '127.0.0.1', '[::1]'].map((host) => `${scheme}://${host}:*`),
);
const COOKIE = 'the name of a cookie (RFC 6265)';

/** Whether a check that reads these members can run: they are valid, whatever else is not. */
function whenValid(...members: string[]) {
  return ({ issues }: z.core.ParsePayload) => !issues.some(({ path }) => members.includes(String(path?.[0])));
}

/**
 * The single description of the configuration. The typed configuration, the file's JSON Schema, the variables, the
 * errors and the docs are all derived from it. The mode selects some of the defaults.
 *
 * Patterns must also be valid in RE2 (no lookaround), since Helm validates the chart's values with this schema.
 */
function configSchema({ development }: { development: boolean }) {
  return z
    .strictObject({
      mode: setting(
        z
          .enum(['production', 'development', 'test'])
          .transform((value): Mode => (value === 'development' ? 'development' : 'production'))
          .prefault('production'),
        {
          description:
            'Development opens everything to everyone unless something is configured that verifies tokens, prints ' +
            'readable logs and shows the chat page; `test` counts as production.',
          env: 'NODE_ENV',
        },
      ),
      port: setting(z.int().min(0).max(65_535).prefault(8000), {
        description: 'Port of the WebSocket, the HTTP API and the health checks; 0 picks a free one.',
        env: 'HOLDFAST_PORT',
      }),
      managementPort: setting(z.int().min(0).max(65_535).prefault(8001), {
        description:
          'Port of the metrics, the admin API and the operations page, never behind an ingress; 0 picks a free one.',
        env: 'HOLDFAST_MANAGEMENT_PORT',
      }),
      node: setting(
        z
          .string()
          .min(1)
          .max(255)
          .optional()
          .transform((name) => name ?? hostname()),
        {
          description: 'The name of this pod. Clients see it.',
          env: 'HOLDFAST_NODE',
          otherwise: "the host's name, which is the pod's",
        },
      ),
      broker: setting(
        z
          .string()
          .regex(/^[a-z][a-z0-9+.-]*:(?:\/\/\S+)?$/)
          .transform((url) => new Reloadable(url))
          .prefault('memory:'),
        {
          description: 'The URL of the broker that carries messages between pods.',
          env: 'HOLDFAST_BROKER',
          file: true,
          secret: true,
          expected: BROKER,
        },
      ),
      auth: setting(
        z
          .strictObject({
            jwt: jwtSchema(),
            anonymous: setting(z.boolean().exactOptional(), {
              description: 'Whether clients without a token may connect.',
              env: 'HOLDFAST_ANONYMOUS',
              otherwise: '`false`; in development `true` unless something is configured that verifies tokens',
            }),
            cookie: setting(
              z
                .string()
                .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
                .exactOptional(),
              {
                description: 'The name of a cookie that may carry the token.',
                expected: COOKIE,
              },
            ),
          })
          .transform((auth) => {
            return { ...auth, anonymous: auth.anonymous ?? (development && !verifiesTokens(auth.jwt)) };
          })
          .prefault({}),
        { description: 'Who may connect.' },
      ),
      apiKeys: setting(
        z
          .array(z.string().regex(/^[\x21-\x7e]{16,}$/))
          .transform((keys) => new Reloadable(keys))
          .prefault([]),
        {
          description: 'The keys of the HTTP API. In development, one is generated and printed if none is set.',
          env: 'HOLDFAST_API_KEYS',
          file: true,
          secret: true,
          expected: API_KEYS,
        },
      ),
      adminKeys: setting(
        z
          .array(z.string().regex(/^[\x21-\x7e]{16,}$/))
          .transform((keys) => new Reloadable(keys))
          .prefault([]),
        {
          description:
            'The keys of the admin API on the management port, which is off without one: see [admin-api.md](admin-api.md).',
          env: 'HOLDFAST_ADMIN_KEYS',
          file: true,
          secret: true,
          expected: API_KEYS,
          otherwise: 'none: the admin API is off',
        },
      ),
      operationsPage: setting(z.boolean().prefault(false), {
        description:
          'Whether the operations page is served at `/operations/` on the management port, and the admin API gets what it ' +
          'needs: it can then disconnect and block users, and read messages. Requires an admin key: see ' +
          '[operations-page.md](operations-page.md).',
        env: 'HOLDFAST_OPERATIONS_PAGE',
      }),
      allowedOrigins: setting(
        z
          .array(
            z
              .string()
              .regex(
                /^(?:\*|[a-z][a-z0-9+.-]*:\/\/(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?:[0-9]{1,5}|\*))?)$/,
              ),
          )
          .prefault(development ? LOCAL_ORIGINS : []),
        {
          description:
            "Origins whose pages may connect, besides the gateway's own. `*.` stands for one or more labels of a host, " +
            '`:*` for any port, `*` for every origin. In a variable, separated by commas or lines.',
          env: 'HOLDFAST_ALLOWED_ORIGINS',
          expected: ORIGINS,
          otherwise: 'none; in development pages of this machine, on any port',
        },
      ),
      drain: setting(
        z
          .strictObject({
            settle: setting(seconds(0, 600).prefault(development ? 0 : 15), {
              description:
                'How long a stopping pod continues to accept connections after it has failed readiness: one ' +
                'readiness period and a little more, until every proxy has noticed.',
              env: 'HOLDFAST_SETTLE_SECONDS',
              unit: 'seconds',
            }),
            window: setting(seconds(0, 3_600).prefault(development ? 2 : 30), {
              description: 'The time over which its clients are then asked, in batches, to connect elsewhere.',
              env: 'HOLDFAST_DRAIN_SECONDS',
              unit: 'seconds',
            }),
          })
          .prefault({}),
        { description: 'How a pod stops. Both together must fit into its termination grace period.' },
      ),
      connection: setting(
        z
          .strictObject({
            ping: setting(seconds(0, 3_600).prefault(8), {
              description:
                'The silence after which a client pings the gateway (`welcome.ping`), and a little later the ' +
                'gateway pings a client that has not. With the default, a dead path is noticed within 15 seconds. ' +
                '0: the gateway sends no pings.',
              unit: 'seconds',
            }),
            maxAge: setting(seconds(0, 604_800).prefault(0), {
              description:
                'The age, with jitter, at which a client is asked to reconnect, so that new pods fill up; 0: never.',
              env: 'HOLDFAST_MAX_CONNECTION_AGE',
              unit: 'seconds',
            }),
            authTimeout: setting(seconds(0.1, 60).prefault(5), {
              description: 'The time within which a connection without a token must send one.',
              unit: 'seconds',
            }),
            maxPayload: setting(z.int().min(1_024).max(16_777_216).prefault(65_536), {
              description: 'The largest frame that a client may send.',
              unit: 'bytes',
            }),
            maxBuffered: setting(z.int().min(1_024).max(268_435_456).prefault(1_048_576), {
              description:
                'How much may wait to be sent to one connection before it is closed with 1013; at least twice ' +
                '`maxPayload`.',
              unit: 'bytes',
            }),
            concurrency: setting(z.int().min(1).max(1_024).prefault(16), {
              description: 'How many requests of one connection are handled side by side.',
            }),
            badFrames: setting(
              z
                .strictObject({
                  burst: setting(z.int().min(0).max(100_000).prefault(100), {
                    description: 'How many bad frames at once are answered before the connection is closed with 1008.',
                  }),
                  perSecond: setting(z.number().min(0).max(10_000).prefault(10), {
                    description: 'How many more of them are tolerated each second.',
                  }),
                })
                .prefault({}),
              { description: 'Frames that are not a valid request.' },
            ),
          })
          // The largest message needs more room than the largest frame, because of what the gateway adds.
          .refine(({ maxPayload, maxBuffered }) => 2 * maxPayload <= maxBuffered, {
            path: ['maxBuffered'],
            error: 'expected at least twice connection.maxPayload',
          })
          .prefault({}),
        { description: 'Each WebSocket.' },
      ),
      limits: setting(limitsSchema(), {
        description: 'How much one peer, one user and all together may ask of a pod.',
      }),
      overload: setting(overloadSchema(), {
        description: 'When a pod refuses upgrades with 503, and asks clients to connect elsewhere.',
      }),
      replay: setting(
        z
          .strictObject({
            maxMessages: setting(z.int().min(1).max(10_000).prefault(1_000), {
              description: 'The most missed messages that are replayed.',
            }),
            maxBytes: setting(z.int().min(1_024).max(268_435_456).prefault(1_048_576), {
              description: 'The most bytes that are replayed.',
              unit: 'bytes',
            }),
          })
          .prefault({}),
        { description: 'Replay for one subscription. A client that has missed more reloads its state instead.' },
      ),
      keyWindow: setting(seconds(1, 86_400).prefault(300), {
        description: 'How long a publish may be repeated under its key without being stored twice.',
        unit: 'seconds',
      }),
      presence: setting(
        z
          .strictObject({
            grace: setting(seconds(0, 300).prefault(5), {
              description:
                'How long a client stays a member after its connection broke, so that it can come back unnoticed.',
              unit: 'seconds',
            }),
            maxMembers: setting(z.int().min(1).max(10_000).prefault(200), {
              description: 'The most members that a list contains. Its count is that of all members.',
            }),
            maxInfo: setting(z.int().min(0).max(65_536).prefault(4_096), {
              description:
                'The largest `info` of a token, or of an answer of the authorization webhook, as JSON. Clients with ' +
                'a larger one are refused.',
              unit: 'bytes',
            }),
          })
          .prefault({}),
        { description: 'Who is in a channel, in namespaces with presence.' },
      ),
      namespaceDefaults: setting(namespaceDefaultsSchema(development).prefault({}), {
        description: 'The options of every namespace, and of channels without one.',
      }),
      namespaces: setting(namespacesSchema(development).prefault({}), {
        description:
          "Options that differ from `namespaceDefaults`, by namespace; `@` is the namespace of all users' own " +
          'channels.',
      }),
      api: setting(
        z
          .strictObject({
            maxBody: setting(z.int().min(1_024).max(268_435_456).prefault(1_048_576), {
              description: 'The largest body of a request.',
              unit: 'bytes',
            }),
          })
          .prefault({}),
        { description: 'The HTTP API.' },
      ),
      webhooks: setting(webhooksSchema(), {
        description: 'HTTP requests of the gateway to your backend: see [webhooks.md](webhooks.md).',
      }),
      health: setting(
        z
          .strictObject({
            brokerOutage: setting(z.enum(['degraded', 'unready']).prefault('degraded'), {
              description:
                'What `/health/ready` reports while the broker is unavailable: `degraded` (200, clients stay ' +
                'connected and wait) or `unready` (503, which takes every pod out of service at once).',
            }),
          })
          .prefault({}),
        { description: 'The health checks.' },
      ),
      log: setting(
        z
          .strictObject({
            level: setting(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).prefault('info'), {
              description: 'The least severe level to log.',
              env: 'HOLDFAST_LOG_LEVEL',
            }),
          })
          .prefault({}),
        { description: 'Logs go to standard output: JSON in production, readable in development.' },
      ),
      demo: setting(z.boolean().prefault(development), {
        description: 'Whether the chat page is served at `/`.',
        env: 'HOLDFAST_DEMO',
      }),
    })
    .superRefine(
      ({ port, managementPort }, context) => {
        if (port === managementPort && port !== 0) {
          context.addIssue({ code: 'custom', path: ['managementPort'], message: 'expected another port than port' });
        }
      },
      { when: whenValid('port', 'managementPort') },
    )
    .superRefine(
      ({ connection, limits }, context) => {
        if (limits.bytes.burst < 2 * connection.maxPayload) {
          const message = 'expected at least twice connection.maxPayload';
          context.addIssue({ code: 'custom', path: ['limits', 'bytes', 'burst'], message });
        }
      },
      { when: whenValid('connection', 'limits') },
    )
    .superRefine(
      ({ namespaceDefaults, namespaces }, context) => {
        for (const { path, message } of namespaceContradictions(namespaceDefaults, namespaces)) {
          context.addIssue({ code: 'custom', path, message });
        }
      },
      { when: whenValid('namespaceDefaults', 'namespaces') },
    )
    .transform((config) => ({
      ...config,
      // Once development asks for tokens, they decide, as they will in production.
      ...resolveNamespaces(config.namespaceDefaults, config.namespaces, development && config.auth.anonymous),
    }));
}

export const CONFIG_SCHEMA = {
  development: configSchema({ development: true }),
  production: configSchema({ development: false }),
} satisfies Record<Mode, unknown>;

/** The configuration as parsed by the schema. Durations in ms, sizes in bytes. */
export type Settings = z.output<(typeof CONFIG_SCHEMA)[Mode]>;
