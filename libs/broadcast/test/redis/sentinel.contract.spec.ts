import { afterAll, beforeAll } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { describeBroker } from '../../src/testing/index.js';
import { SentinelSetUp, uniquePrefix } from '../support/redis-servers.js';

let redis: SentinelSetUp;
beforeAll(async () => {
  redis = await SentinelSetUp.start();
});
afterAll(async () => redis.close());

describeBroker('RedisBroker on a primary with sentinels', () => {
  const url = redis.url({ prefix: uniquePrefix() });
  return { connect: () => createBroker(url), close: async () => {} };
});
