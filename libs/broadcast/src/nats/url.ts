import type { ConnectionOptions } from 'node:tls';
import {
  parseBrokerUrl,
  parseHosts,
  parseParameters,
  TLS_PARAMETERS,
  rotatingSettings,
  tlsOptions,
  type Address,
  type BrokerUrlParameters,
  type BrokerUrlParts,
} from '../broker-url.js';
import { BrokerUrlError } from '../errors.js';
import { windowOf } from '../log/window-parameter.js';

/** How a connection authenticates; the contents of files, never their paths. */
export type NatsCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }
  /** The seed of an nkey. */
  | { readonly kind: 'nkey'; readonly seed: Uint8Array }
  /** A file with a JWT and the seed of its nkey, as `nsc` writes it. */
  | { readonly kind: 'creds'; readonly creds: Uint8Array };

/** The settings in a broker URL of NATS. */
export interface NatsSettings {
  readonly addresses: readonly Address[];
  readonly credentials: NatsCredentials;
  /** Present for TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** The beginning of the names of streams and subjects. */
  readonly prefix: string;
  /** Copies of each stream; undefined for 3 on a cluster and 1 on a single server. */
  readonly replicas: number | undefined;
  /** The number of streams; undefined for that of the log that is there, or 16 if there is none. */
  readonly partitions: number | undefined;
  /** ms that history and idempotency keys are kept for at most. */
  readonly window: number;
}

const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ['nats', false],
  ['nats+tls', true],
]);

/** The schemes that {@link parseNatsUrl} accepts. */
export const NATS_SCHEMES: readonly string[] = [...SCHEMES.keys()];

const PORT = 4222;
const CREDENTIAL_FILES = ['creds', 'nkey', 'tokenFile'] as const;
const PARAMETERS = [...CREDENTIAL_FILES, 'prefix', 'replicas', 'partitions', 'window'];

/** JetStream's limit. */
const MAX_REPLICAS = 5;
const MAX_PARTITIONS = 64;

/**
 * Reads the files that the URL names, too.
 *
 * @throws BrokerUrlError
 */
export function parseNatsUrl(url: string): NatsSettings {
  const { scheme, credentials, hosts, path, query } = parseBrokerUrl(url);
  const isTls = SCHEMES.get(scheme);
  if (isTls === undefined) throw new BrokerUrlError(`expected one of the schemes ${NATS_SCHEMES.join(', ')}`);
  if (path !== '') throw new BrokerUrlError('NATS has no databases: expected no path');
  const parameters = parseParameters(query, [...PARAMETERS, ...(isTls ? TLS_PARAMETERS : [])]);
  const prefix = parameters.get('prefix') ?? 'holdfast';
  // It is part of the names of streams, which allow no more than this.
  if (!/^[a-z0-9_-]{1,64}$/i.test(prefix)) {
    throw new BrokerUrlError('prefix: expected 1 to 64 letters, digits, hyphens and underscores');
  }
  return {
    addresses: parseHosts(hosts, PORT),
    credentials: parseCredentials(credentials, parameters),
    tls: isTls ? tlsOptions(parameters) : undefined,
    prefix,
    replicas: optional(parameters, 'replicas', MAX_REPLICAS),
    partitions: optional(parameters, 'partitions', MAX_PARTITIONS),
    window: windowOf(parameters),
  };
}

/**
 * The settings of a URL that may change. Credentials and TLS are always those of the current URL, with the current contents of
 * the files that it names, so that they can be rotated while the broker runs. A URL that cannot be used changes nothing.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): NatsSettings {
  return rotatingSettings(url, parseNatsUrl, ['credentials', 'tls']);
}

function optional(parameters: BrokerUrlParameters, name: string, max: number): number | undefined {
  return parameters.has(name) ? parameters.integer(name, 1, { min: 1, max }) : undefined;
}

function parseCredentials(
  { username, password }: BrokerUrlParts['credentials'],
  parameters: BrokerUrlParameters,
): NatsCredentials {
  const isInUrl = username !== undefined || password !== undefined;
  const files = CREDENTIAL_FILES.filter((name) => parameters.has(name));
  const given = [...(isInUrl ? ['USER:PASSWORD'] : []), ...files];
  if (given.length > 1) throw new BrokerUrlError(`expected only one of ${given.join(', ')}`);
  const [file] = files;
  if (file !== undefined) return fileCredentials(file, parameters.file(file) ?? Buffer.alloc(0));
  if (!isInUrl) return { kind: 'none' };
  if (username === undefined) throw new BrokerUrlError('expected USER:PASSWORD@ or TOKEN@ before the host');
  // As in the URLs of other NATS clients.
  if (password === undefined) return { kind: 'token', token: username };
  return { kind: 'password', user: username, password };
}

function fileCredentials(file: (typeof CREDENTIAL_FILES)[number], contents: Buffer): NatsCredentials {
  const text = contents.toString().trim();
  if (text === '') throw new BrokerUrlError(`${file}: the file is empty`);
  switch (file) {
    case 'creds':
      return { kind: 'creds', creds: contents };
    case 'nkey':
      return { kind: 'nkey', seed: Buffer.from(text) };
    case 'tokenFile':
      return { kind: 'token', token: text };
  }
}
