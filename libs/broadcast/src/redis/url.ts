import type { ConnectionOptions } from 'node:tls';
import {
  credentialsOf,
  parseBrokerUrl,
  parseHosts,
  parseParameters,
  TLS_PARAMETERS,
  rotatingSettings,
  tlsOptions,
  type Address,
  type Credentials,
} from '../broker-url.js';
import { BrokerUrlError } from '../errors.js';

export type RedisMode = 'standalone' | 'sentinel' | 'cluster';

/** The settings in a broker URL of Redis. */
export interface RedisSettings {
  readonly mode: RedisMode;
  /** The server, the known sentinels, or some nodes of the cluster. */
  readonly addresses: readonly Address[];
  readonly credentials: Credentials;
  /** The sentinels' name for the primary. Only with `sentinel`. */
  readonly primaryName: string;
  readonly sentinelCredentials: Credentials;
  readonly db: number;
  /** Present for TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** The prefix of all keys and pub/sub channels on the server. */
  readonly prefix: string;
  /** How many replicas must confirm a publish before it is answered. */
  readonly wait: number;
  /** ms to wait for them. */
  readonly waitTimeout: number;
}

const MODES: ReadonlyMap<string, readonly [mode: RedisMode, tls: boolean]> = new Map([
  ['redis', ['standalone', false]],
  ['rediss', ['standalone', true]],
  ['redis+sentinel', ['sentinel', false]],
  ['rediss+sentinel', ['sentinel', true]],
  ['redis+cluster', ['cluster', false]],
  ['rediss+cluster', ['cluster', true]],
]);

/** The schemes that {@link parseRedisUrl} accepts. */
export const REDIS_SCHEMES: readonly string[] = [...MODES.keys()];

const PORT = 6379;
const SENTINEL_PORT = 26_379;
/** Redis has 16 databases by default, more if configured. */
const MAX_DB = 65_535;
const MAX_WAIT = 100;
/** Leaves time to settle a publish within 2 s. */
const MAX_WAIT_TIMEOUT = 1_000;

const PARAMETERS: Readonly<Record<RedisMode, readonly string[]>> = {
  standalone: ['db'],
  sentinel: ['db', 'sentinelUsername', 'sentinelPassword'],
  cluster: [],
};
const COMMON_PARAMETERS = ['prefix', 'wait', 'waitTimeout'];

/**
 * @throws BrokerUrlError
 */
export function parseRedisUrl(url: string): RedisSettings {
  const { scheme, credentials, hosts, path, query } = parseBrokerUrl(url);
  const [mode, isTls] = MODES.get(scheme) ?? [];
  if (mode === undefined || isTls === undefined) {
    throw new BrokerUrlError(`expected one of ${[...MODES.keys()].join(', ')} as the scheme`);
  }
  const parameters = parseParameters(query, [
    ...PARAMETERS[mode],
    ...COMMON_PARAMETERS,
    ...(isTls ? TLS_PARAMETERS : []),
  ]);
  const prefix = parameters.get('prefix') ?? 'holdfast';
  // On a cluster, braces in the prefix would put all keys into one slot.
  if (!/^[^{}\s]{1,64}$/.test(prefix)) {
    throw new BrokerUrlError('prefix: expected 1 to 64 characters without braces and spaces');
  }
  const isSentinel = mode === 'sentinel';
  if (isSentinel && path === '') throw new BrokerUrlError('expected the name of the primary as path: …/mymaster');
  if (mode === 'cluster' && path !== '') throw new BrokerUrlError('a cluster has only one database: expected no path');
  if (mode === 'standalone' && path !== '') {
    if (parameters.has('db')) throw new BrokerUrlError('db: given twice, in the path and as a parameter');
    parameters.set('db', path);
  }
  const addresses = parseHosts(hosts, isSentinel ? SENTINEL_PORT : PORT);
  if (mode === 'standalone' && addresses.length > 1) {
    throw new BrokerUrlError('several hosts: expected redis+sentinel:// or redis+cluster://');
  }
  return {
    mode,
    addresses,
    credentials,
    primaryName: isSentinel ? path : '',
    sentinelCredentials: credentialsOf(parameters.get('sentinelUsername'), parameters.get('sentinelPassword')),
    db: parameters.integer('db', 0, { max: MAX_DB }),
    tls: isTls ? tlsOptions(parameters) : undefined,
    prefix,
    wait: parameters.integer('wait', 0, { max: MAX_WAIT }),
    waitTimeout: parameters.integer('waitTimeout', MAX_WAIT_TIMEOUT / 2, { max: MAX_WAIT_TIMEOUT }),
  };
}

/**
 * The settings of a URL that may change: credentials and TLS are always the current ones.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): RedisSettings {
  return rotatingSettings(url, parseRedisUrl, ['credentials', 'sentinelCredentials', 'tls']);
}
