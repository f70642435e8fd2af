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
  type Credentials,
} from '../broker-url.js';
import { BrokerUrlError } from '../errors.js';

/** The settings in a broker URL of PostgreSQL. */
export interface PostgresSettings {
  /** The servers. The primary is the one that is not in recovery. */
  readonly addresses: readonly Address[];
  readonly credentials: Credentials;
  readonly database: string;
  /** Present for TLS. */
  readonly tls: ConnectionOptions | undefined;
  readonly schema: string;
  /** Whether pods create and migrate the schema. */
  readonly migrate: boolean;
  /** Whether acknowledged publications survive a failover, so that channels continue after it. */
  readonly keep: boolean;
  /** Where notifications arrive, if not at the addresses; undefined for a broker that only polls. */
  readonly listen: readonly Address[] | undefined;
}

/** The schemes that {@link parsePostgresUrl} accepts. */
export const POSTGRES_SCHEMES: readonly string[] = ['postgres', 'postgresql'];

const PORT = 5432;
const PARAMETERS = ['schema', 'migrate', 'failover', 'listen', 'passwordFile', 'sslmode', ...TLS_PARAMETERS];

/**
 * Reads the files that the URL names, too.
 *
 * @throws BrokerUrlError
 */
export function parsePostgresUrl(url: string): PostgresSettings {
  const { scheme, credentials, hosts, path, query } = parseBrokerUrl(url);
  if (!POSTGRES_SCHEMES.includes(scheme)) throw new BrokerUrlError('expected the scheme postgres or postgresql');
  const parameters = parseParameters(query, PARAMETERS);
  const schema = parameters.get('schema') ?? 'holdfast';
  // It is written into statements, and is the name of a notification channel.
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema) || schema.startsWith('pg_')) {
    throw new BrokerUrlError(
      'schema: expected 1 to 40 lower-case letters, digits and underscores, not beginning with pg_',
    );
  }
  const addresses = parseHosts(hosts, PORT);
  const listen = parameters.get('listen');
  if (parameters.has('tlsCert') !== parameters.has('tlsKey')) {
    throw new BrokerUrlError('tlsCert, tlsKey: expected both or neither');
  }
  return {
    addresses,
    credentials: withPasswordFile(credentials, parameters),
    // As in libpq.
    database: path === '' ? (credentials.username ?? 'postgres') : path,
    tls: tlsOf(parameters),
    schema,
    migrate: oneOf(parameters, 'migrate', ['on', 'off']) === 'on',
    keep: oneOf(parameters, 'failover', ['gap', 'keep']) === 'keep',
    listen: listen === 'off' ? undefined : listen === undefined ? addresses : parseListen(listen),
  };
}

/**
 * The settings of a URL that may change. Credentials and TLS are always those of the current URL, with the current contents of
 * the files that it names, so that they can be rotated while the broker runs. A URL that cannot be used changes nothing.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): PostgresSettings {
  return rotatingSettings(url, parsePostgresUrl, ['credentials', 'tls']);
}

function parseListen(text: string): readonly Address[] {
  try {
    return parseHosts(text, PORT);
  } catch {
    throw new BrokerUrlError('listen: expected off, or HOST:PORT of the server behind the pooler');
  }
}

function withPasswordFile(credentials: Credentials, parameters: BrokerUrlParameters): Credentials {
  const file = parameters.file('passwordFile');
  if (file === undefined) return credentials;
  if (credentials.password !== undefined) {
    throw new BrokerUrlError('expected either a password or passwordFile, not both');
  }
  const password = file.toString().trimEnd();
  if (password === '') throw new BrokerUrlError('passwordFile: the file is empty');
  return { ...credentials, password };
}

/** `require` encrypts without checking the certificate, as in libpq. */
function tlsOf(parameters: BrokerUrlParameters): ConnectionOptions | undefined {
  const hasTls = TLS_PARAMETERS.some((name) => parameters.has(name));
  const modes = ['disable', 'require', 'verify-full'] as const;
  const mode = parameters.has('sslmode') ? oneOf(parameters, 'sslmode', modes) : hasTls ? 'verify-full' : 'disable';
  if (mode === 'disable' && hasTls) throw new BrokerUrlError('sslmode: disable excludes the parameters of TLS');
  if (mode === 'disable') return undefined;
  return mode === 'require' ? { ...tlsOptions(parameters), rejectUnauthorized: false } : tlsOptions(parameters);
}

/** The first one is the default. */
function oneOf<Value extends string>(
  parameters: BrokerUrlParameters,
  name: string,
  values: readonly [Value, ...Value[]],
): Value {
  const text = parameters.get(name) ?? values[0];
  const value = values.find((candidate) => candidate === text);
  if (value === undefined) throw new BrokerUrlError(`${name}: expected ${values.join(' or ')}`);
  return value;
}
