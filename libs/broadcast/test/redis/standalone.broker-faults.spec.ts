import { setTimeout as sleep } from 'node:timers/promises';
import { createBroker } from '../../src/create-broker.js';
import { LEASE } from '../../src/membership/pod-lease.js';
import { describeBrokerFaults } from '../../src/testing/index.js';
import { RedisServer, uniquePrefix } from '../support/redis-servers.js';

/** ms of publishes that are lost with the tail. */
const TAIL = 300;

describeBrokerFaults('RedisBroker on a standalone server', LEASE, async () => {
  const redis = await RedisServer.start();
  const url = `${redis.url}?prefix=${uniquePrefix()}`;
  return {
    connect: () => createBroker(url),
    cut: async () => {
      await redis.admin.call('client', 'kill', 'type', 'pubsub');
    },
    hang: async (duration) => {
      await redis.hang();
      await sleep(duration);
      redis.resume();
    },
    restartEmpty: async () => {
      await redis.kill();
      await redis.run();
    },
    loseTail: async () => {
      await redis.admin.save();
      await sleep(TAIL);
      await redis.kill();
      await redis.run();
    },
    close: async () => redis.close(),
  };
});
