import {
  parseBrokerUrl,
  parseHosts,
  parseParameters,
  rotatingSettings,
  type Address,
  type BrokerUrlParameters,
} from '../broker-url.js';
import { BrokerUrlError } from '../errors.js';
import { windowOf } from '../log/window-parameter.js';

/** The parts of a service account's key file that are needed. */
export interface ServiceAccountKey {
  readonly client_email: string;
  readonly private_key: string;
}

/** The settings in a broker URL of Google Cloud Pub/Sub. */
export interface PubsubSettings {
  readonly project: string;
  readonly topic: string;
  readonly endpoint: Address;
  /** Without TLS and credentials: an emulator. */
  readonly isInsecure: boolean;
  /** The key of a service account; undefined for the credentials of the environment, such as workload identity. */
  readonly key: ServiceAccountKey | undefined;
  /** The number of ordering keys. */
  readonly partitions: number;
  /** ms that history and idempotency keys are kept for at most. */
  readonly window: number;
}

/** The schemes that {@link parsePubsubUrl} accepts. */
export const PUBSUB_SCHEMES: readonly string[] = ['pubsub'];

const PORT = 443;
const PARAMETERS = ['region', 'endpoint', 'insecure', 'keyFile', 'partitions', 'window'];
const DEFAULT_PARTITIONS = 16;
const MAX_PARTITIONS = 64;

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects; a domain may stand before it. */
const PROJECT = /^(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
/** https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names, shortened by what is added to it. */
const TOPIC = /^(?!goog)[A-Za-z][\w.~+%-]{2,199}$/;
const REGION = /^[a-z]+-[a-z]+\d+$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

/**
 * Reads the key file that the URL names, too.
 *
 * @throws BrokerUrlError
 */
export function parsePubsubUrl(url: string): PubsubSettings {
  const { scheme, credentials, hosts: project, path: topic, query } = parseBrokerUrl(url);
  if (!PUBSUB_SCHEMES.includes(scheme)) throw new BrokerUrlError('expected the scheme pubsub');
  if ((credentials.username ?? credentials.password) !== undefined) {
    throw new BrokerUrlError('Pub/Sub has no passwords: expected no USER:PASSWORD; see the parameter keyFile');
  }
  if (!PROJECT.test(project)) throw new BrokerUrlError('expected pubsub://PROJECT/TOPIC with the id of a project');
  if (!TOPIC.test(topic)) {
    throw new BrokerUrlError(
      'expected pubsub://PROJECT/TOPIC with the name of a topic: 3 to 200 letters, digits, hyphens, periods, underscores',
    );
  }
  const parameters = parseParameters(query, PARAMETERS);
  const endpoint = endpointOf(parameters);
  const isInsecure = isInsecureEndpoint(parameters, endpoint);
  if (isInsecure && parameters.has('keyFile')) {
    throw new BrokerUrlError('keyFile: a key is never sent to an endpoint without TLS');
  }
  return {
    project,
    topic,
    endpoint,
    isInsecure,
    key: keyOf(parameters),
    partitions: parameters.integer('partitions', DEFAULT_PARTITIONS, { min: 1, max: MAX_PARTITIONS }),
    window: windowOf(parameters),
  };
}

/**
 * The settings of a URL that may change: the key is always the current one.
 *
 * @throws BrokerUrlError if the first URL cannot be used.
 */
export function presentSettings(url: () => string): PubsubSettings {
  return rotatingSettings(url, parsePubsubUrl, ['key']);
}

function endpointOf(parameters: BrokerUrlParameters): Address {
  const [region, endpoint] = [parameters.get('region'), parameters.get('endpoint')];
  if ((region === undefined) === (endpoint === undefined)) {
    throw new BrokerUrlError(
      'expected either region, such as europe-west1, or endpoint: only one region keeps the order',
    );
  }
  if (region !== undefined) {
    if (!REGION.test(region)) throw new BrokerUrlError('region: expected the name of a region, such as europe-west1');
    return { host: `${region}-pubsub.googleapis.com`, port: PORT };
  }
  const [address, another] = parseHosts(endpoint ?? '', PORT);
  if (address === undefined || another !== undefined) throw new BrokerUrlError('endpoint: expected one HOST:PORT');
  if (address.host === 'pubsub.googleapis.com') {
    throw new BrokerUrlError('endpoint: the global endpoint does not keep the order: expected a regional one');
  }
  return address;
}

function isInsecureEndpoint(parameters: BrokerUrlParameters, { host }: Address): boolean {
  const text = parameters.get('insecure');
  if (text === undefined) return LOOPBACK.test(host);
  if (text !== 'true' && text !== 'false') throw new BrokerUrlError('insecure: expected true or false');
  if (parameters.has('region')) throw new BrokerUrlError('insecure: only for an endpoint, such as an emulator');
  return text === 'true';
}

function keyOf(parameters: BrokerUrlParameters): ServiceAccountKey | undefined {
  const file = parameters.file('keyFile');
  if (file === undefined) return undefined;
  let key: Partial<Record<string, unknown>> | null;
  try {
    key = JSON.parse(file.toString()) as Partial<Record<string, unknown>> | null;
  } catch {
    throw new BrokerUrlError('keyFile: the file is not JSON');
  }
  const { client_email: email, private_key: secret } = key ?? {};
  if (typeof email !== 'string' || typeof secret !== 'string') {
    throw new BrokerUrlError('keyFile: expected the key of a service account, with client_email and private_key');
  }
  return { client_email: email, private_key: secret };
}
