import type { Broker } from './broker.js';
import { BrokerUrlError } from './errors.js';
import { MemoryBroker } from './memory/memory-broker.js';
import { RedisBroker } from './redis/redis-broker.js';
import { REDIS_SCHEMES } from './redis/url.js';

/** A broker's URL, or a function that returns the current one: the password in it may change while the broker runs. */
export type BrokerUrl = string | (() => string);

type Factory = (url: () => string) => Broker;

const FACTORIES: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ['memory', () => new MemoryBroker()],
  ...REDIS_SCHEMES.map((scheme) => [scheme, (url: () => string) => new RedisBroker(url)] as const),
]);

/** RFC 3986, section 3.1. */
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;

/**
 * Creates the broker that the URL's scheme selects, not started yet.
 *
 * @throws BrokerUrlError
 */
export function createBroker(url: BrokerUrl): Broker {
  const current = typeof url === 'string' ? (): string => url : url;
  const scheme = SCHEME.exec(current())?.[1]?.toLowerCase();
  const factory = scheme === undefined ? undefined : FACTORIES.get(scheme);
  if (factory === undefined) throw unsupported(scheme);
  return factory(current);
}

/** Why the URL cannot be used, without any part of it; undefined if it can. */
export function brokerUrlProblem(url: string): string | undefined {
  try {
    createBroker(url);
    return undefined;
  } catch (error) {
    if (error instanceof BrokerUrlError) return error.message;
    throw error;
  }
}

function unsupported(scheme: string | undefined): BrokerUrlError {
  const supported = [...FACTORIES.keys()].map((name) => `${name}:`).join(', ');
  const problem = scheme === undefined ? 'the broker URL has no scheme' : `no broker for ${scheme}:`;
  return new BrokerUrlError(`${problem}; supported: ${supported}`);
}
