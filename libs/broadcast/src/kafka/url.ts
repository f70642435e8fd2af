import type { ConnectionOptions } from 'node:tls';
import {
  currentSettings,
  parseBrokerUrl,
  parseHosts,
  parseParameters,
  TLS_PARAMETERS,
  tlsOptions,
  type Address,
  type BrokerUrlParameters,
  type Credentials,
} from '../broker-url.js';
import { BrokerUrlError } from '../errors.js';
import { windowOf } from '../log/window-parameter.js';

export type PasswordMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

/** How a connection authenticates with SASL. */
export type SaslCredentials =
  | { readonly mechanism: PasswordMechanism; readonly username: string; readonly password: string }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: string };

/** The settings in a broker URL of Kafka. */
export interface KafkaSettings {
  /** Some brokers of the cluster: they know the others. */
  readonly bootstrap: readonly Address[];
  readonly topic: string;
  readonly sasl: SaslCredentials | undefined;
  /** Present for TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** The number of partitions of a topic that is created. */
  readonly partitions: number;
  /** Copies of each partition of a topic that is created; undefined for 3, or one on each broker if there are fewer. */
  readonly replicas: number | undefined;
  /** ms for which history and idempotency keys are kept at most. */
  readonly window: number;
}

const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ['kafka', false],
  ['kafka+tls', true],
]);

/** The schemes that {@link parseKafkaUrl} accepts. */
export const KAFKA_SCHEMES: readonly string[] = [...SCHEMES.keys()];

const MECHANISMS: ReadonlyMap<string, SaslCredentials['mechanism']> = new Map([
  ['plain', 'PLAIN'],
  ['scram-sha-256', 'SCRAM-SHA-256'],
  ['scram-sha-512', 'SCRAM-SHA-512'],
  ['oauthbearer', 'OAUTHBEARER'],
]);

const PORT = 9092;
const TOPIC = 'holdfast';
/** Kafka's own rule; a name of dots alone is a directory. */
const TOPIC_NAME = /^(?!\.{1,2}$)[a-z0-9._-]{1,249}$/i;
/** RFC 6750, section 2.1, and what other servers issue: visible characters. */
const TOKEN = /^[\x21-\x7e]+$/;

const PARAMETERS = ['sasl', 'tokenFile', 'partitions', 'replicas', 'window'];

/** Fewer share the work among too few brokers, more cost requests. */
export const MIN_PARTITIONS = 8;
export const MAX_PARTITIONS = 64;
const PARTITIONS = 16;
const MAX_REPLICAS = 10;

/**
 * Reads the files that the URL names, too.
 *
 * @throws BrokerUrlError
 */
export function parseKafkaUrl(url: string): KafkaSettings {
  const { scheme, credentials, hosts, path, query } = parseBrokerUrl(url);
  const isTls = SCHEMES.get(scheme);
  if (isTls === undefined) throw new BrokerUrlError(`expected the scheme ${KAFKA_SCHEMES.join(' or ')}`);
  const parameters = parseParameters(query, [...PARAMETERS, ...(isTls ? TLS_PARAMETERS : [])]);
  const topic = path === '' ? TOPIC : path;
  if (!TOPIC_NAME.test(topic)) {
    throw new BrokerUrlError('topic: expected 1 to 249 letters, digits, dots, underscores and hyphens as path');
  }
  const replicas = parameters.integer('replicas', 0, { min: 1, max: MAX_REPLICAS });
  return {
    bootstrap: parseHosts(hosts, PORT),
    topic,
    sasl: parseSasl(credentials, parameters),
    tls: isTls ? tlsOptions(parameters) : undefined,
    partitions: parameters.integer('partitions', PARTITIONS, { min: MIN_PARTITIONS, max: MAX_PARTITIONS }),
    replicas: replicas === 0 ? undefined : replicas,
    window: windowOf(parameters),
  };
}

/**
 * A function that returns the settings for the next connection: credentials and TLS are those of the current URL and files, so
 * that they can be rotated. The rest is that of the first URL.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): () => KafkaSettings {
  const current = currentSettings(url, parseKafkaUrl);
  const first = current();
  return () => {
    const { sasl, tls } = current();
    return { ...first, sasl, tls };
  };
}

function parseSasl({ username, password }: Credentials, parameters: BrokerUrlParameters): SaslCredentials | undefined {
  const hasUser = username !== undefined || password !== undefined;
  const name = parameters.get('sasl');
  if (name === undefined) {
    if (hasUser)
      throw new BrokerUrlError('sasl: expected plain, scram-sha-256 or scram-sha-512 for the user in the URL');
    if (parameters.has('tokenFile')) throw new BrokerUrlError('sasl: expected oauthbearer for tokenFile');
    return undefined;
  }
  const mechanism = MECHANISMS.get(name.toLowerCase());
  if (mechanism === undefined) throw new BrokerUrlError(`sasl: expected ${[...MECHANISMS.keys()].join(', ')}`);
  if (mechanism === 'OAUTHBEARER') {
    if (hasUser) throw new BrokerUrlError('sasl: oauthbearer has a token, expected no user and password');
    return { mechanism, token: readToken(parameters) };
  }
  if (parameters.has('tokenFile')) throw new BrokerUrlError('tokenFile: expected only with sasl=oauthbearer');
  if (username === undefined || password === undefined) {
    throw new BrokerUrlError('sasl: expected a user and a password in the URL');
  }
  return { mechanism, username, password };
}

function readToken(parameters: BrokerUrlParameters): string {
  const token = parameters.file('tokenFile')?.toString().trim();
  if (token === undefined) throw new BrokerUrlError('tokenFile: expected with sasl=oauthbearer');
  if (!TOKEN.test(token)) throw new BrokerUrlError('tokenFile: the file has no token');
  return token;
}
