import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { BrokerUrlError } from '../errors.js';
import type { Address } from './client/address.js';

export type RedisMode = 'standalone' | 'sentinel' | 'cluster';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
}

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

const URL_PARTS = /^([a-z+]+):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const HOST = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i;

const PORT = 6379;
const SENTINEL_PORT = 26_379;
const MAX_PORT = 65_535;
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
const TLS_PARAMETERS = ['tlsCa', 'tlsCert', 'tlsKey', 'tlsServerName'];

/**
 * @throws BrokerUrlError
 */
export function parseRedisUrl(url: string): RedisSettings {
  const [, scheme = '', userInfo, hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? [];
  const [mode, isTls] = MODES.get(scheme.toLowerCase()) ?? [];
  if (mode === undefined || isTls === undefined) {
    throw new BrokerUrlError('expected SCHEME://USER:PASSWORD@HOST:PORT; special characters percent-encoded');
  }
  const parameters = parseQuery(query, [...PARAMETERS[mode], ...COMMON_PARAMETERS, ...(isTls ? TLS_PARAMETERS : [])]);
  const integer = (name: string, fallback: number, max: number): number => {
    const text = parameters.get(name) ?? `${fallback}`;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > max) throw new BrokerUrlError(`${name}: expected an integer from 0 to ${max}`);
    return value;
  };
  const prefix = parameters.get('prefix') ?? 'holdfast';
  // On a cluster, braces in the prefix would put all keys into one slot.
  if (!/^[^{}\s]{1,64}$/.test(prefix)) {
    throw new BrokerUrlError('prefix: expected 1 to 64 characters without braces and spaces');
  }
  const isSentinel = mode === 'sentinel';
  const segment = decode('path', path);
  if (mode === 'standalone' && segment !== '') {
    if (parameters.has('db')) throw new BrokerUrlError('db: given twice, in the path and as a parameter');
    parameters.set('db', segment);
  }
  if (isSentinel && segment === '') throw new BrokerUrlError('expected the name of the primary as path: …/mymaster');
  if (mode === 'cluster' && segment !== '')
    throw new BrokerUrlError('a cluster has only one database: expected no path');
  return {
    mode,
    addresses: parseHosts(hosts, isSentinel ? SENTINEL_PORT : PORT, mode),
    credentials: parseUserInfo(userInfo),
    primaryName: isSentinel ? segment : '',
    sentinelCredentials: credentials(parameters.get('sentinelUsername'), parameters.get('sentinelPassword')),
    db: integer('db', 0, MAX_DB),
    tls: isTls ? tlsOptions(parameters) : undefined,
    prefix,
    wait: integer('wait', 0, MAX_WAIT),
    waitTimeout: integer('waitTimeout', MAX_WAIT_TIMEOUT / 2, MAX_WAIT_TIMEOUT),
  };
}

/**
 * The settings of a URL that may change. Credentials and TLS are always those of the current URL, with the current contents of
 * certificate files, so that they can be rotated while connections are open. A URL that cannot be used changes nothing.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): RedisSettings {
  const first = parseRedisUrl(url());
  let latest = first;
  const present = (): RedisSettings => {
    try {
      latest = parseRedisUrl(url());
    } catch (error) {
      if (!(error instanceof BrokerUrlError)) throw error;
    }
    return latest;
  };
  return {
    ...first,
    get credentials() {
      return present().credentials;
    },
    get sentinelCredentials() {
      return present().sentinelCredentials;
    },
    get tls() {
      return present().tls;
    },
  };
}

function parseQuery(query: string, known: readonly string[]): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      // Something else than a name may be a misplaced password.
      const shown = /^[a-z]{1,32}$/i.test(name) ? name : '';
      throw new BrokerUrlError(`unknown parameter ${shown}; known here: ${known.join(', ')}`);
    }
    if (parameters.has(name)) throw new BrokerUrlError(`${name}: given twice`);
    parameters.set(name, value);
  }
  return parameters;
}

function parseHosts(hosts: string, port: number, mode: RedisMode): Address[] {
  const addresses = hosts.split(',').map((text) => {
    const [, ipv6, name, digits] = HOST.exec(text) ?? [];
    const host = ipv6 ?? name;
    const number = digits === undefined ? port : Number(digits);
    if (host === undefined || number < 1 || number > MAX_PORT) throw new BrokerUrlError('expected HOST or HOST:PORT');
    return { host, port: number };
  });
  if (mode === 'standalone' && addresses.length > 1) {
    throw new BrokerUrlError('several hosts: expected redis+sentinel:// or redis+cluster://');
  }
  return addresses;
}

function parseUserInfo(userInfo = ''): Credentials {
  const colon = userInfo.indexOf(':');
  if (colon === -1) return credentials(decode('user', userInfo), undefined);
  return credentials(decode('user', userInfo.slice(0, colon)), decode('password', userInfo.slice(colon + 1)));
}

function credentials(username = '', password = ''): Credentials {
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BrokerUrlError(`${part}: not percent-encoded correctly`);
  }
}

function tlsOptions(parameters: ReadonlyMap<string, string>): ConnectionOptions {
  const file = (name: string): Buffer | undefined => {
    const path = parameters.get(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch {
      throw new BrokerUrlError(`${name}: the file cannot be read`);
    }
  };
  const [ca, cert, key] = [file('tlsCa'), file('tlsCert'), file('tlsKey')];
  const servername = parameters.get('tlsServerName');
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  };
}
