import type { Broker } from './broker.js';
import { BrokerUrlError } from './errors.js';
import { KafkaAdapter } from './kafka/kafka-adapter.js';
import { KAFKA_SCHEMES } from './kafka/url.js';
import type { LogAdapter } from './log/log-adapter.js';
import { LogBroker } from './log/log-broker.js';
import { MemoryBroker } from './memory/memory-broker.js';
import { NatsAdapter } from './nats/nats-adapter.js';
import { NATS_SCHEMES } from './nats/url.js';
import { PostgresBroker } from './postgres/postgres-broker.js';
import { POSTGRES_SCHEMES } from './postgres/url.js';
import { RabbitAdapter } from './rabbitmq/rabbitmq-adapter.js';
import { RABBITMQ_SCHEMES } from './rabbitmq/url.js';
import { PubsubAdapter } from './pubsub/pubsub-adapter.js';
import { PUBSUB_SCHEMES } from './pubsub/url.js';
import { allowsPlain, type PlainSettings } from './plain-messages.js';
import { RedisBroker } from './redis/redis-broker.js';
import { REDIS_SCHEMES } from './redis/url.js';

/** A broker's URL, or a function that returns the current one: the password in it may change while the broker runs. */
export type BrokerUrl = string | (() => string);

type Factory = (url: () => string, plain: PlainSettings | undefined) => Broker;

/** A broker on a log keeps publications and keys for as long as its URL says. */
function onLog(adapter: LogAdapter & { readonly window: number }, plain: PlainSettings | undefined): Broker {
  return new LogBroker(adapter, { window: adapter.window, plain });
}

/** Only those that need it have one: its server needs more rights, and its messages somebody to read them. */
function hasInbox(plain: PlainSettings | undefined): { readonly inbox: boolean } {
  return { inbox: plain !== undefined && allowsPlain(plain) };
}

/** The brokers that there are. */
export type BrokerKind = 'memory' | 'redis' | 'kafka' | 'rabbitmq' | 'nats' | 'pubsub' | 'postgresql';

interface Entry {
  readonly kind: BrokerKind;
  readonly schemes: readonly string[];
  readonly factory: Factory;
}

const BROKERS: readonly Entry[] = [
  { kind: 'memory', schemes: ['memory'], factory: () => new MemoryBroker() },
  { kind: 'redis', schemes: REDIS_SCHEMES, factory: (url, plain) => new RedisBroker(url, plain) },
  { kind: 'kafka', schemes: KAFKA_SCHEMES, factory: (url, plain) => onLog(new KafkaAdapter(url), plain) },
  {
    kind: 'rabbitmq',
    schemes: RABBITMQ_SCHEMES,
    factory: (url, plain) => onLog(new RabbitAdapter(url, hasInbox(plain)), plain),
  },
  { kind: 'nats', schemes: NATS_SCHEMES, factory: (url, plain) => onLog(new NatsAdapter(url, hasInbox(plain)), plain) },
  {
    kind: 'pubsub',
    schemes: PUBSUB_SCHEMES,
    factory: (url, plain) => onLog(new PubsubAdapter(url, hasInbox(plain)), plain),
  },
  { kind: 'postgresql', schemes: POSTGRES_SCHEMES, factory: (url) => new PostgresBroker(url) },
];

const BY_SCHEME: ReadonlyMap<string, Entry> = new Map(
  BROKERS.flatMap((entry) => entry.schemes.map((scheme) => [scheme, entry] as const)),
);

/** RFC 3986, section 3.1. */
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;

/**
 * Creates the broker that the URL's scheme selects, not started yet.
 *
 * @param plain what backends may publish by the broker itself; nothing by default.
 * @throws BrokerUrlError
 */
export function createBroker(url: BrokerUrl, plain?: PlainSettings): Broker {
  const current = typeof url === 'string' ? (): string => url : url;
  return entryOf(current()).factory(current, plain);
}

/**
 * The kind of broker that the URL's scheme selects.
 *
 * @throws BrokerUrlError
 */
export function brokerKind(url: string): BrokerKind {
  return entryOf(url).kind;
}

function entryOf(url: string): Entry {
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase();
  const entry = scheme === undefined ? undefined : BY_SCHEME.get(scheme);
  if (entry === undefined) throw unsupported(scheme);
  return entry;
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
  const supported = [...BY_SCHEME.keys()].map((name) => `${name}:`).join(', ');
  const problem = scheme === undefined ? 'the broker URL has no scheme' : `no broker for ${scheme}:`;
  return new BrokerUrlError(`${problem}; supported: ${supported}`);
}
