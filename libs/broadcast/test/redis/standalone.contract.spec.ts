import { afterAll, beforeAll } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { describeBroker } from '../../src/testing/index.js';
import { Standalone, uniquePrefix } from '../support/redis-servers.js';

let redis: Standalone;
beforeAll(async () => {
  redis = await Standalone.start();
});
afterAll(async () => redis.close());

describeBroker('RedisBroker on a standalone server', () => {
  const url = redis.url({ prefix: uniquePrefix() });
  return { connect: () => createBroker(url), close: async () => {} };
});
