import type { StreamOptions } from '@holdfast/broadcast';
import { USER_NAMESPACE } from '@holdfast/protocol';
import { z } from 'zod';
import { seconds, setting, settingMeta } from './setting.js';

const NAMESPACE_NAME = 'a namespace: channel characters (A-Z a-z 0-9 _ - . / % #) without ":", or @';

/**
 * Who may do it: clients that were granted it (by a claim or a subscription token), any user, or also anonymous
 * clients.
 */
const SUBSCRIBE = ['granted', 'authenticated', 'anyone'] as const;
const PUBLISH = ['granted', 'subscribers', 'authenticated', 'anyone'] as const;

/** The largest frame that is compressed, in bytes. It takes about 2 ms, in which the event loop does nothing else. */
export const MAX_COMPRESSED = 262_144;

const historyOptions = {
  size: setting(z.int().min(0).max(10_000).prefault(100), {
    description: 'How many publications of a channel are kept for clients that resume or join; 0 keeps none.',
  }),
  ttl: setting(seconds(0.1, 31_536_000).prefault(300), {
    description: 'How long a publication is kept.',
    unit: 'seconds',
  }),
};

function otherOptions(development: boolean) {
  return {
    positionTtl: setting(seconds(0.1, 31_536_000).prefault(604_800), {
      description:
        "How long a channel's epoch and offset outlive its last publication and subscriber; at least `history.ttl`. " +
        'If nothing was ever published, at most 30 seconds.',
      unit: 'seconds',
    }),
    presence: setting(z.boolean().prefault(development), {
      description: 'Whether subscribers may list the members of a channel, and be notified of joins and leaves.',
    }),
    conflate: setting(z.boolean().prefault(false), {
      description:
        'Whether only the latest message of a channel matters. A slow consumer then gets the latest one instead of ' +
        'all, and is closed only if that is not enough.',
    }),
    compressFrom: setting(z.int().min(0).max(MAX_COMPRESSED).prefault(0), {
      description:
        '[The size](limits.md#compression) from which messages are compressed for clients that offer permessage-deflate ' +
        '(browsers do); 0 compresses none. Not for messages that contain both a secret and something that others choose.',
      unit: 'bytes',
    }),
    brokerPublish: setting(z.boolean().prefault(false), {
      description:
        'Whether backends may also publish [through the broker](brokers.md#publishing-through-the-broker), without ' +
        'the HTTP API. Anyone with that right at the broker may then publish to any channel of the namespace.',
    }),
  };
}

const ACCESS = '`granted`; in development `anyone` if clients without a token may connect';

/** Their default follows from `auth`, so {@link resolveNamespaces} sets it. */
const accessOptions = {
  subscribe: setting(z.enum(SUBSCRIBE).exactOptional(), {
    description:
      'Who may subscribe: clients to which a token has `granted` it, every `authenticated` user, or `anyone`. ' +
      "Only its user can subscribe to a user's own channel.",
    otherwise: ACCESS,
  }),
  publish: setting(z.enum(PUBLISH).exactOptional(), {
    description:
      "Who may publish: clients to which a token has `granted` it, the channel's `subscribers`, every " +
      '`authenticated` user, or `anyone`. The HTTP API always may.',
    otherwise: ACCESS,
  }),
};

type Unset<Shape> = {
  [Name in keyof Shape]: Shape[Name] extends z.ZodPrefault<infer Value> ? z.ZodExactOptional<Value> : never;
};

/** The same settings without their defaults, so that absent ones can be told apart. */
function unset<Shape extends Record<string, z.ZodPrefault<z.ZodType>>>(shape: Shape): Unset<Shape> {
  const settings = Object.entries(shape).map(([name, schema]) => {
    const meta = settingMeta.get(schema);
    const optional = schema.unwrap().exactOptional();
    return [name, meta === undefined ? optional : setting(optional, meta)];
  });
  return Object.fromEntries(settings) as Unset<Shape>;
}

export function namespaceDefaultsSchema(development: boolean) {
  return z.strictObject({
    history: z.strictObject(historyOptions).prefault({}),
    ...otherOptions(development),
    ...accessOptions,
  });
}

export function namespacesSchema(development: boolean) {
  return z.record(
    setting(z.string().regex(/^(?:@|[A-Za-z0-9_\-./%#]+)$/), { description: 'A namespace.', expected: NAMESPACE_NAME }),
    z.strictObject({
      history: z.strictObject(unset(historyOptions)).exactOptional(),
      ...unset(otherOptions(development)),
      ...accessOptions,
    }),
  );
}

type NamespaceDefaults = z.output<ReturnType<typeof namespaceDefaultsSchema>>;
type NamespaceOverrides = z.output<ReturnType<typeof namespacesSchema>>;

/** The options of a namespace for its channels. Durations in ms. */
export interface NamespaceOptions extends NamespaceDefaults {
  readonly subscribe: (typeof SUBSCRIBE)[number];
  readonly publish: (typeof PUBLISH)[number];
  /** `history` and `positionTtl` for the broker, converted once for all messages. */
  readonly stream: StreamOptions;
}

interface ResolvedNamespaces {
  readonly namespaceDefaults: NamespaceOptions;
  readonly namespaces: ReadonlyMap<string, NamespaceOptions>;
}

/**
 * The complete options of each namespace with its own (always including `@`), and those of all others.
 *
 * @param isOpen whether everybody may subscribe and publish if nothing else is configured.
 */
export function resolveNamespaces(
  defaults: NamespaceDefaults,
  overrides: NamespaceOverrides,
  isOpen: boolean,
): ResolvedNamespaces {
  const access = isOpen ? 'anyone' : 'granted';
  const resolve = (override: NamespaceOverrides[string] = {}): NamespaceOptions => {
    const history = { ...defaults.history, ...override.history };
    const options = { subscribe: access, publish: access, ...defaults, ...override, history } as const;
    const { positionTtl } = options;
    return { ...options, stream: { historySize: history.size, historyTtl: history.ttl, positionTtl } };
  };
  return {
    namespaceDefaults: resolve(),
    namespaces: new Map([
      ...Object.entries(overrides).map(([name, override]) => [name, resolve(override)] as const),
      // Its user may subscribe without a grant, and nobody else may, whatever the defaults say.
      [USER_NAMESPACE, { ...resolve(overrides[USER_NAMESPACE]), subscribe: 'granted' }],
    ]),
  };
}

/** The options of a namespace by its `namespaceOf` name. Returns the same object each time. */
export function namespaceOptions(
  { namespaceDefaults, namespaces }: ResolvedNamespaces,
  name: string,
): NamespaceOptions {
  return namespaces.get(name) ?? namespaceDefaults;
}

/** Whether any namespace compresses messages. */
export function compressesAnything({ namespaceDefaults, namespaces }: ResolvedNamespaces): boolean {
  return [namespaceDefaults, ...namespaces.values()].some(({ compressFrom }) => compressFrom > 0);
}

/** Contradictions, each with the path below the configuration's root and a message. */
export function* namespaceContradictions(
  defaults: NamespaceDefaults,
  overrides: NamespaceOverrides,
): Generator<{ path: string[]; message: string }> {
  const message = 'expected at least history.ttl';
  if (defaults.positionTtl < defaults.history.ttl) yield { path: ['namespaceDefaults', 'positionTtl'], message };
  for (const [name, override] of Object.entries(overrides)) {
    const positionTtl = override.positionTtl ?? defaults.positionTtl;
    const ttl = override.history?.ttl ?? defaults.history.ttl;
    const inherited = override.positionTtl === undefined && override.history?.ttl === undefined;
    if (positionTtl < ttl && !inherited) yield { path: ['namespaces', name, 'positionTtl'], message };
  }
  if (overrides[USER_NAMESPACE]?.subscribe !== undefined) {
    yield {
      path: ['namespaces', USER_NAMESPACE, 'subscribe'],
      message: "expected to be absent: nobody but its user subscribes to a user's own channel",
    };
  }
}
