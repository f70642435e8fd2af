import type { ConnectionOptions } from 'node:tls';
import {
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
import { windowOf } from '../log/window-parameter.js';

/** The settings in a broker URL of RabbitMQ. */
export interface RabbitSettings {
  /** Nodes of one cluster. */
  readonly addresses: readonly Address[];
  /** Undefined if the server takes the user from the client's certificate (SASL EXTERNAL). */
  readonly credentials: Credentials | undefined;
  readonly virtualHost: string;
  /** Present for TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** The beginning of the names of queues. */
  readonly prefix: string;
  /** The number of queues. */
  readonly partitions: number;
  /** ms that history and idempotency keys are kept for at most. */
  readonly window: number;
}

const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ['amqp', false],
  ['amqps', true],
]);

/** The schemes that {@link parseRabbitUrl} accepts. */
export const RABBITMQ_SCHEMES: readonly string[] = [...SCHEMES.keys()];

const PORT = 5672;
const TLS_PORT = 5671;

const PARAMETERS = ['prefix', 'partitions', 'window'];
const DEFAULT_PARTITIONS = 16;
const MAX_PARTITIONS = 64;

/** @throws BrokerUrlError */
export function parseRabbitUrl(url: string): RabbitSettings {
  const { scheme, credentials, hosts, path, query } = parseBrokerUrl(url);
  const isTls = SCHEMES.get(scheme);
  if (isTls === undefined) throw new BrokerUrlError(`expected one of ${RABBITMQ_SCHEMES.join(', ')} as the scheme`);
  const parameters = parseParameters(query, [...PARAMETERS, ...(isTls ? ['auth', ...TLS_PARAMETERS] : [])]);
  const auth = parameters.get('auth') ?? 'plain';
  if (auth !== 'plain' && auth !== 'external') throw new BrokerUrlError('auth: expected plain or external');
  if (auth === 'external' && !parameters.has('tlsCert')) {
    throw new BrokerUrlError('auth: external needs a client certificate, in tlsCert and tlsKey');
  }
  if (auth === 'external' && (credentials.username ?? credentials.password) !== undefined) {
    throw new BrokerUrlError('auth: external takes the user from the client certificate: expected no USER:PASSWORD');
  }
  const prefix = parameters.get('prefix') ?? 'holdfast';
  if (!/^[\w-][\w.-]{0,63}$/.test(prefix) || prefix === 'amq' || prefix.startsWith('amq.')) {
    throw new BrokerUrlError(
      'prefix: expected 1 to 64 letters, digits, dots, hyphens and underscores; amq. is reserved',
    );
  }
  return {
    addresses: parseHosts(hosts, isTls ? TLS_PORT : PORT),
    credentials: auth === 'external' ? undefined : credentials,
    virtualHost: path === '' ? '/' : path,
    tls: isTls ? tlsOptions(parameters) : undefined,
    prefix,
    partitions: parameters.integer('partitions', DEFAULT_PARTITIONS, { min: 1, max: MAX_PARTITIONS }),
    window: windowOf(parameters),
  };
}

/**
 * The settings of a URL that may change: credentials and TLS are always the current ones.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): RabbitSettings {
  return rotatingSettings(url, parseRabbitUrl, ['credentials', 'tls']);
}
