import type { Broker } from './broker.js';
import { MemoryBroker } from './memory/memory-broker.js';
import { RedisBroker } from './redis/redis-broker.js';
import { REDIS_SCHEMES, RedisUrlError } from './redis/url.js';

/** A broker's URL, or what tells the present one: a password in it may change while the broker runs. */
export type BrokerUrl = string | (() => string);

type Factory = (url: () => string) => Broker;

const FACTORIES: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ['memory', () => new MemoryBroker()],
  ...REDIS_SCHEMES.map((scheme) => [scheme, (url: () => string) => new RedisBroker(url)] as const),
]);

/** RFC 3986, section 3.1. */
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;

/** No broker answers to the URL's scheme. The rest of the URL is not told: it may hold a password. */
export class UnsupportedBrokerError extends Error {
  override readonly name = 'UnsupportedBrokerError';

  constructor(scheme: string | undefined) {
    const supported = [...FACTORIES.keys()].map((name) => `${name}:`).join(', ');
    super(
      `${scheme === undefined ? 'a broker URL without a scheme' : `no broker for ${scheme}:`}; supported: ${supported}`,
    );
  }
}

/**
 * The broker that the URL picks, not started yet.
 *
 * @throws UnsupportedBrokerError when none answers to its scheme.
 * @throws RedisUrlError
 */
export function createBroker(url: BrokerUrl): Broker {
  const present = typeof url === 'string' ? (): string => url : url;
  const scheme = SCHEME.exec(present())?.[1]?.toLowerCase();
  const factory = scheme === undefined ? undefined : FACTORIES.get(scheme);
  if (factory === undefined) throw new UnsupportedBrokerError(scheme);
  return factory(present);
}

/** Why no broker can be made of a URL, without any part of it; undefined where one can. */
export function brokerUrlProblem(url: string): string | undefined {
  try {
    createBroker(url);
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedBrokerError || error instanceof RedisUrlError) return error.message;
    throw error;
  }
}
