import { describe, expect, it } from 'vitest';
import type { Address } from '../../libs/broadcast/src/broker-url.ts';
import { BrokerUrlError } from '../../libs/broadcast/src/errors.ts';
import { KAFKA_SCHEMES, parseKafkaUrl } from '../../libs/broadcast/src/kafka/url.ts';
import { NATS_SCHEMES, parseNatsUrl } from '../../libs/broadcast/src/nats/url.ts';
import { parsePostgresUrl, POSTGRES_SCHEMES } from '../../libs/broadcast/src/postgres/url.ts';
import { parsePubsubUrl, PUBSUB_SCHEMES } from '../../libs/broadcast/src/pubsub/url.ts';
import { parseRabbitUrl, RABBITMQ_SCHEMES } from '../../libs/broadcast/src/rabbitmq/url.ts';
import { parseRedisUrl, REDIS_SCHEMES } from '../../libs/broadcast/src/redis/url.ts';
import { refusal, render } from './support/helm.ts';

/** What the gateway connects to, according to its own parsers; an empty list if it refuses the URL. */
const PARSERS: readonly (readonly [schemes: readonly string[], ports: (url: string) => number[]])[] = [
  [
    REDIS_SCHEMES,
    (url) => {
      const { mode, addresses } = parseRedisUrl(url);
      // The sentinels announce the Redis server. Its usual port is assumed.
      return [...portsOf(addresses), ...(mode === 'sentinel' ? [6379] : [])];
    },
  ],
  [KAFKA_SCHEMES, (url) => portsOf(parseKafkaUrl(url).bootstrap)],
  [RABBITMQ_SCHEMES, (url) => portsOf(parseRabbitUrl(url).addresses)],
  [NATS_SCHEMES, (url) => portsOf(parseNatsUrl(url).addresses)],
  [
    POSTGRES_SCHEMES,
    (url) => {
      const { addresses, listen = [] } = parsePostgresUrl(url);
      return portsOf([...addresses, ...listen]);
    },
  ],
  [
    PUBSUB_SCHEMES,
    (url) => {
      const { endpoint, isInsecure } = parsePubsubUrl(url);
      // Google's servers issue the tokens for an endpoint with TLS.
      return [endpoint.port, ...(isInsecure ? [] : [443])];
    },
  ],
];

function portsOf(addresses: readonly Address[]): number[] {
  return addresses.map(({ port }) => port);
}

function dialled(url: string): number[] {
  const scheme = /^[^:]*/.exec(url)?.[0].toLowerCase() ?? '';
  const [, ports] = PARSERS.find(([schemes]) => schemes.includes(scheme)) ?? [];
  try {
    return [...new Set(ports?.(url))];
  } catch (error) {
    if (error instanceof BrokerUrlError) return [];
    throw error;
  }
}

/** Hosts with and without a user. Each scheme is tried with each of them. */
const HOSTS = [
  'host',
  'host:7001',
  'host.example:1/',
  '[fd00::1:2]',
  '[fd00::1:2]:7001',
  '[fe80::1%eth0]:65535',
  'user:p%40ss%2Fw%3A1@host',
  'user:p:1,2:3[4]&=+;*@host:7001',
  // The gateway refuses these.
  '',
  ':7001',
  'host:',
  'host:0',
  'host:65536',
  'host:123456',
  'host:http',
  'fd00::1:2',
  '[fd00::1',
  '[host]:7001',
  'user:p@ss@host:7001',
  'user:pa/ss@host:7001',
  'host:7001#fragment',
  'ho st:7001',
];

const SEVERAL_HOSTS = ['a,b:7001,[::1],[::1]:7002', 'a:7001,b:7001', 'user:a,b:1@c,d:7001', 'a,,b', 'a, b', 'a,b:0'];

/** Parts that follow the hosts. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  sentinel: ['/primary', '/primary?sentinelUsername=a&sentinelPassword=b:9,c:10'],
  kafka: ['', '/topic?sasl=plain'],
  postgres: ['/app', '?schema=chat'],
};

const URLS = [
  ...PARSERS.flatMap(([schemes]) => schemes)
    .filter((scheme) => scheme !== 'pubsub')
    .flatMap((scheme) => {
      const single = scheme === 'redis' || scheme === 'rediss';
      const [, endings = ['']] = Object.entries(ENDINGS).find(([name]) => scheme.includes(name)) ?? [];
      return [...HOSTS, ...(single ? [] : SEVERAL_HOSTS)].flatMap((hosts) =>
        endings
          // Kafka refuses a user without a mechanism, and a mechanism without a user.
          .filter((ending) => !scheme.startsWith('kafka') || hosts.includes('@') === ending.includes('sasl'))
          .map((ending) => `${scheme}://${hosts.replace(/\/$/, '')}${ending}`),
      );
    }),
  'REDIS://host',
  'redis://:7002@host:7001',
  'redis://host/1?prefix=a@b:7003',
  'redis+cluster://a,b:7001?wait=1',
  'amqps://user:p@host/vhost:7003',
  'nats+tls://host?prefix=chat',
  'postgres://user@pooler:6432,b/app?listen=db',
  'postgres://user@pooler:6432/app?listen=db%3A5433%2C%5B::1%5D:5434&schema=holdfast',
  'postgres://pooler:6432/app?schema=listen&listen=off',
  'postgresql://pooler:6432?listen=db:0',
  'pubsub://my-project/holdfast?region=europe-west1',
  'pubsub://example.com:my-project/holdfast?region=europe-west1&partitions=8',
  'pubsub://my-project/holdfast?endpoint=emulator:8085&insecure=true',
  'pubsub://my-project/holdfast?endpoint=emulator%3A8085&insecure=true',
  'pubsub://my-project/holdfast?endpoint=localhost:8085',
  'pubsub://my-project/holdfast?endpoint=localhost:8085&insecure=false',
  'pubsub://my-project/holdfast?endpoint=private.example:8443',
  'pubsub://my-project/holdfast?endpoint=private.example',
  'https://host',
  'rabbitmq://host',
  'redis:host',
  'host:6379',
];

describe('the ports of the broker', () => {
  it('are those that the gateway connects to, for each scheme', async () => {
    const lines = URLS.map(
      (url, index) => `  u${index}: {{ include "holdfast.broker.urlPorts" ${JSON.stringify(url)} | quote }}`,
    );
    const manifests = await render({
      extraObjects: [['apiVersion: v1', 'kind: ConfigMap', 'metadata: {name: ports}', 'data:', ...lines].join('\n')],
    });
    const data = manifests.get('ConfigMap', 'ports').data ?? {};
    const found = URLS.map((url, index) => `${url} → ${data[`u${index}`]}`);
    expect(found).toEqual(URLS.map((url) => `${url} → ${JSON.stringify(dialled(url))}`));
    // Most of them can be used.
    expect(URLS.filter((url) => dialled(url).length > 0).length).toBeGreaterThan(150);
  });

  it('cannot be known of a URL that the gateway refuses', async () => {
    const message = await refusal({ broker: { url: 'rabbitmq://host' } });
    expect(message).toContain('broker.url: expected SCHEME://USER:PASSWORD@HOST:PORT');
    expect(message).toContain('nats, nats+tls');
    expect(await refusal({ broker: { url: 'redis://user:pa/ss@host' } })).toContain('percent-encoded');
  });
});
