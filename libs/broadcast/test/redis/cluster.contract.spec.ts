import { afterAll, beforeAll } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { describeBroker } from '../../src/testing/index.js';
import { ClusterSetUp, uniquePrefix } from '../support/redis-servers.js';

let redis: ClusterSetUp;
beforeAll(async () => {
  redis = await ClusterSetUp.start();
});
afterAll(async () => redis.close());

describeBroker('RedisBroker on a cluster', () => {
  const url = redis.url({ prefix: uniquePrefix() });
  return { connect: () => createBroker(url), close: async () => {} };
});
