import { describe, expect, it } from 'vitest';
import { createBroker } from './create-broker.js';
import { BrokerUrlError } from './errors.js';
import { MemoryBroker } from './memory/memory-broker.js';
import { PostgresBroker } from './postgres/postgres-broker.js';
import { RedisBroker } from './redis/redis-broker.js';

describe('createBroker', () => {
  it.each(['memory:', 'MEMORY:', 'memory://'])('%s is the broker in memory', (url) => {
    expect(createBroker(url)).toBeInstanceOf(MemoryBroker);
  });

  it.each(['redis://localhost', 'rediss://h', 'REDIS+Sentinel://a,b/main', 'redis+cluster://a:1,b:2'])(
    '%s is the broker on Redis',
    (url) => {
      expect(createBroker(url)).toBeInstanceOf(RedisBroker);
    },
  );

  it.each([
    'kafka://a,b/topic?window=60',
    'kafka+tls://a',
    'amqp://a/vhost?window=60',
    'amqps://a',
    'nats://a?window=60',
    'nats+tls://a',
  ])('%s is a broker on a log, which keeps publications for the window of the URL', (url) => {
    const { capabilities } = createBroker(url);
    const window = url.includes('window') ? 60_000 : 900_000;
    expect(capabilities).toMatchObject({ maxHistoryTtl: window, maxKeyWindow: window, durablePositions: true });
  });

  it('pubsub: is a broker on a log, whose positions and histories are lost with the pods', () => {
    const { capabilities } = createBroker('pubsub://test-project/holdfast?region=europe-west1&window=60');
    expect(capabilities).toMatchObject({
      maxHistoryTtl: 60_000,
      maxKeyWindow: 60_000,
      durablePositions: false,
      sharedHistory: false,
      maxPayload: 1_044_480,
    });
  });

  it.each(['postgres://h/database', 'POSTGRESQL://a,b:6432/d?failover=keep'])(
    '%s is the broker on PostgreSQL',
    (url) => {
      expect(createBroker(url)).toBeInstanceOf(PostgresBroker);
    },
  );

  it('names the unknown scheme and the supported ones, and nothing else of the URL', () => {
    expect(() => createBroker('carrier-pigeon://user:hunter2@loft/7')).toThrow(
      new BrokerUrlError(
        'no broker for carrier-pigeon:; supported: memory:, redis:, rediss:, redis+sentinel:, rediss+sentinel:, ' +
          'redis+cluster:, rediss+cluster:, kafka:, kafka+tls:, amqp:, amqps:, nats:, nats+tls:, ' +
          'pubsub:, postgres:, postgresql:',
      ),
    );
  });

  it.each(['', 'hunter2', '//user:hunter2@host', ' memory:', 'constructor', '1st:'])(
    'refuses %j without repeating it',
    (url) => {
      expect(() => createBroker(url)).toThrow('the broker URL has no scheme; supported: memory:');
    },
  );
});
