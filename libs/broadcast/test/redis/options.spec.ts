import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerUnknownError } from '../../src/errors.js';
import { createBroker } from '../../src/create-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { Certificate } from '../support/certificate.js';
import { RIGHTS } from '../support/rights.js';
import { ClusterSetUp, RedisServer, SentinelSetUp, uniquePrefix } from '../support/redis-servers.js';
import { Stopwatch } from '../../src/testing/stopwatch.js';

const CHANNEL = 'news:1';
const REQUEST = { channel: CHANNEL, payload: 'x', stream: LASTING };

/** Subscribes, publishes, and receives it. */
async function works(url: string): Promise<void> {
  const pod = new Pod(createBroker(url));
  try {
    await pod.start();
    await pod.broker.subscribe(CHANNEL, LASTING);
    await pod.broker.join(CHANNEL, { client: crypto.randomUUID(), details: '' }, 'h');
    await pod.publish(CHANNEL, 'x');
    await pod.broker.signal('x');
    await until(() => {
      expect(pod.delivered(CHANNEL)).toHaveLength(1);
      expect(pod.presence).toHaveLength(1);
      expect(pod.signals).toHaveLength(1);
    });
    await until(async () => expect(await pod.broker.channels({ limit: 1 })).toEqual([CHANNEL]));
  } finally {
    await pod.close();
  }
}

describe('a Redis URL', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(async () => redis.close());

  it('with a prefix is separate from other prefixes, and uses no other key or channel', async () => {
    const { admin } = redis;
    await admin.call('acl', 'setuser', 'chat', 'reset', 'on', '>hunter2', ...RIGHTS);
    await works(`redis://chat:hunter2@127.0.0.1:${redis.port}?prefix=chat`);
    await admin.call('acl', 'log', 'reset');
    await works(`redis://chat:hunter2@127.0.0.1:${redis.port}?prefix=chat`);
    expect(await admin.call('acl', 'log')).toEqual([]);
    const other = new Pod(createBroker(`${redis.url}?prefix=${uniquePrefix()}`));
    await other.start();
    expect(await other.broker.history(CHANNEL, { limit: 1 })).toMatchObject({ offset: 0 });
    await other.close();
  });

  it('with a database is separate from other databases, although pub/sub is not', async () => {
    const prefix = uniquePrefix();
    const pods = [
      new Pod(createBroker(`${redis.url}/1?prefix=${prefix}`)),
      new Pod(createBroker(`${redis.url}/2?prefix=${prefix}`)),
    ];
    const [one, two] = pods;
    if (one === undefined || two === undefined) throw new Error('no pods');
    try {
      for (const pod of pods) {
        await pod.start();
        await pod.broker.subscribe(CHANNEL, LASTING);
      }
      await one.publish(CHANNEL, 'one');
      await two.publish(CHANNEL, 'two');
      for (const [pod, payload] of [
        [one, 'one'],
        [two, 'two'],
      ] as const) {
        await until(() => expect(pod.delivered(CHANNEL).map((publication) => publication.payload)).toEqual([payload]));
      }
    } finally {
      await Promise.all(pods.map(async (pod) => pod.close()));
    }
  });

  it('with the scheme of a cluster reports that the server is not one', async () => {
    const pod = new Pod(createBroker(`redis+cluster://127.0.0.1:${redis.port}`));
    await pod.broker.start(pod);
    await until(() =>
      expect(pod.broker.health()).toEqual({
        status: 'down',
        reason: 'no node of the cluster answers: Redis answered ERR',
      }),
    );
    await pod.broker.close();
  });
});

/** Why there is no connection. */
async function refusal(url: string): Promise<unknown> {
  const pod = new Pod(createBroker(url));
  await pod.broker.start(pod);
  try {
    return await until(() => {
      const health = pod.broker.health();
      expect(health).not.toMatchObject({ reason: 'not connected yet' });
      return health.status === 'down' ? health.reason : undefined;
    });
  } finally {
    await pod.broker.close();
  }
}

describe('TLS', () => {
  let certificate: Certificate;
  let trusting: Record<string, string>;

  beforeAll(async () => {
    certificate = await Certificate.make();
    trusting = { tlsCa: certificate.cert, tlsServerName: certificate.host };
  });
  afterAll(async () => certificate.remove());

  describe('to one server', () => {
    let redis: RedisServer;

    beforeAll(async () => {
      redis = await RedisServer.start([], 'redis-server', certificate);
    });
    afterAll(async () => redis.close());

    const url = (parameters: Readonly<Record<string, string>>): string =>
      `rediss://127.0.0.1:${redis.tlsPort}?${new URLSearchParams(parameters).toString()}`;

    it('works if the certificate is trusted and has the name', async () => {
      await expect(works(url(trusting))).resolves.toBeUndefined();
    });

    it.each([
      [
        'is not trusted',
        (): Record<string, string> => ({ tlsServerName: certificate.host }),
        'DEPTH_ZERO_SELF_SIGNED_CERT',
      ],
      ['has another name', (): Record<string, string> => ({ tlsCa: certificate.cert }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ])('refuses a certificate that %s', async (_, parameters, code) => {
      expect(await refusal(url(parameters()))).toBe(`127.0.0.1:${redis.tlsPort}: ${code}`);
    });
  });

  it.each([
    [
      'sentinels and the primary that they name',
      SentinelSetUp,
      /^sentinel 127\.0\.0\.1:\d+: DEPTH_ZERO_SELF_SIGNED_CERT$/,
    ],
    [
      'all nodes of a cluster',
      ClusterSetUp,
      /^no node of the cluster answers: 127\.0\.0\.1:\d+: DEPTH_ZERO_SELF_SIGNED_CERT$/,
    ],
  ])('to %s works, and nothing bypasses it', async (_, setUp, reason) => {
    const redis = await setUp.start(certificate);
    try {
      const url = redis.url(trusting);
      expect(url).toMatch(/^rediss\+/);
      const pod = new Pod(createBroker(url));
      await pod.start();
      const servers = 'sentinels' in redis ? [...redis.servers, ...redis.sentinels] : redis.servers;
      await until(async () => {
        const ports = await Promise.all(servers.map(async (server) => server.clientPorts('holdfast')));
        for (const [index, { tlsPort }] of servers.entries()) {
          for (const port of ports[index] ?? []) expect(port).toBe(tlsPort);
        }
        // Two connections to each primary, and one to a sentinel.
        expect(ports.flat()).toHaveLength('sentinels' in redis ? 3 : 6);
      });
      await pod.close();

      await works(url);
      expect(await refusal(redis.url({ tlsServerName: certificate.host }))).toMatch(reason);
    } finally {
      await redis.close();
    }
  });
});

describe('waiting for replicas', () => {
  it('returns when they have confirmed, even a duplicate, and otherwise fails as unknown within 2 s', async () => {
    const redis = await SentinelSetUp.start();
    const pod = new Pod(createBroker(redis.url({ prefix: uniquePrefix(), wait: '2', waitTimeout: '400' })));
    const idempotency = { publisher: 'ann', key: 'k', fingerprint: 'f', window: 60_000 };
    try {
      await pod.start();
      await pod.broker.subscribe(CHANNEL, LASTING);
      const position = await pod.broker.publish({ ...REQUEST, idempotency });
      expect(position.offset).toBe(1);
      await Promise.all(Array.from({ length: 200 }, async () => pod.broker.publish(REQUEST)));
      const primary = await redis.primary();
      const replica = redis.servers.find((server) => server !== primary);
      await replica?.hang();
      const began = new Stopwatch();
      for (const request of [REQUEST, { ...REQUEST, idempotency }]) {
        await expect(pod.broker.publish(request)).rejects.toThrow(BrokerUnknownError);
      }
      expect(began.elapsed).toBeLessThan(4_000);
      expect(pod.broker.health()).toEqual({ status: 'up' });
      replica?.resume();
      await until(async () =>
        expect(await pod.broker.publish({ ...REQUEST, idempotency })).toMatchObject({ offset: 1 }),
      );
    } finally {
      await pod.close();
      await redis.close();
    }
  });
});
