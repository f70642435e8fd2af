import { createBroker } from '../../src/create-broker.js';
import { describeSettling, type StallingServer } from '../../src/testing/index.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { ClusterSetUp, RedisServer, uniquePrefix } from '../support/redis-servers.js';

/** More than half of the limit, so that two answers in a row are too late. */
const SLOW = 1_200;

async function standalone(parameters = ''): Promise<StallingServer> {
  const redis = await RedisServer.start();
  const proxy = await FaultyProxy.start(redis.port);
  const url = `${proxy.url}?prefix=${uniquePrefix()}${parameters}`;
  return {
    connect: () => createBroker(url),
    stalls: {
      hangs: async () => redis.hang(),
      'answers slowly': () => {
        proxy.delay = SLOW;
      },
    },
    close: async () => {
      await proxy.close();
      await redis.close();
    },
  };
}

async function cluster(): Promise<StallingServer> {
  const redis = await ClusterSetUp.start();
  return {
    connect: () => createBroker(redis.url({ prefix: uniquePrefix() })),
    stalls: { hangs: async () => Promise.all(redis.servers.map(async (server) => server.hang())) },
    close: async () => redis.close(),
  };
}

describeSettling('RedisBroker on a standalone server', ['hangs', 'answers slowly'], standalone);
describeSettling('RedisBroker that waits for replicas', ['hangs', 'answers slowly'], async () =>
  standalone('&wait=1&waitTimeout=1000'),
);
describeSettling('RedisBroker on a cluster', ['hangs'], cluster);
