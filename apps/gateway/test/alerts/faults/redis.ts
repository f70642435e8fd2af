import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { RedisServer } from '../../../../../libs/broadcast/test/support/redis-servers.js';
import { SilentProxy } from '../../../../../libs/broadcast/test/support/silent-proxy.js';
import { signToken } from '../../support/tokens.js';
import { Repeated, type Fault } from './fault.ts';

/** It loses nothing when it is killed. */
const DURABLE = ['appendonly yes', 'appendfsync always'];

/** Clients that do not act on `reconnect`. */
const STUBBORN = 30;

export const REDIS_FAULTS: readonly Fault[] = [
  {
    name: 'rollout',
    broker: 'Redis',
    what: 'A rolling update replaces all pods, then one is killed and starts again',
    fires: [],
    async prepare(defer) {
      const redis = await RedisServer.start();
      defer(async () => redis.close());
      return {
        brokers: [redis.url, redis.url],
        async begin(release) {
          for (const former of [0, 1]) {
            await release.start(former + 2);
            await release.pod(former).stop();
          }
          await sleep(2_000);
          await release.pod(2).stop('SIGKILL');
          await release.start(2);
        },
        end: async () => sleep(20_000),
      };
    },
  },
  {
    name: 'absent',
    broker: 'Redis',
    what: 'All pods are killed',
    fires: ['HoldfastAbsent'],
    async prepare(defer) {
      const redis = await RedisServer.start();
      defer(async () => redis.close());
      return {
        brokers: [redis.url, redis.url],
        begin: async ({ pods }) => Promise.all(pods.map(async (pod) => pod.stop('SIGKILL'))),
        end: async (release) => Promise.all([release.start(0), release.start(1)]),
      };
    },
  },
  {
    name: 'down',
    broker: 'Redis',
    what: 'The server is killed',
    fires: ['HoldfastBrokerDown', 'HoldfastPublishBudgetBurn fast', 'HoldfastPublishBudgetBurn slow'],
    async prepare(defer) {
      const redis = await RedisServer.start(DURABLE);
      defer(async () => redis.close());
      return {
        brokers: [redis.url, redis.url],
        begin: async () => redis.kill(),
        end: async () => redis.run(),
      };
    },
  },
  {
    name: 'reconnects',
    broker: 'Redis',
    what: 'A proxy ends all connections to the server, again and again',
    fires: ['HoldfastBrokerReconnects'],
    async prepare(defer) {
      const redis = await RedisServer.start();
      const proxy = await SilentProxy.start(redis.port);
      const cuts = new Repeated();
      defer(async () => {
        await cuts.stop();
        await proxy.close();
        await redis.close();
      });
      return {
        brokers: [proxy.url, proxy.url],
        // Each time some publishes fail. Reconnecting is not faster here, so these would be many more than in half an hour.
        load: { pace: 0 },
        async begin() {
          cuts.start(2_000, async () => proxy.restore());
        },
        end: async () => cuts.stop(),
      };
    },
  },
  {
    name: 'gaps',
    broker: 'Redis',
    what: 'The server loses its data every 2 s',
    fires: ['HoldfastGaps', 'HoldfastGapBudgetBurn fast', 'HoldfastGapBudgetBurn slow'],
    async prepare(defer) {
      const redis = await RedisServer.start();
      const losses = new Repeated();
      defer(async () => {
        await losses.stop();
        await redis.close();
      });
      return {
        brokers: [redis.url, redis.url],
        async begin() {
          losses.start(2_000, async () => redis.admin.flushall());
        },
        end: async () => losses.stop(),
      };
    },
  },
  {
    name: 'late',
    broker: 'Redis',
    what: 'One of two pods gets the CPU for 1 s of 5 s only',
    fires: ['HoldfastDeliveryBudgetBurn fast', 'HoldfastDeliveryBudgetBurn slow'],
    async prepare(defer, release) {
      const redis = await RedisServer.start();
      const pauses = new Repeated();
      defer(async () => {
        await pauses.stop();
        await redis.close();
      });
      return {
        brokers: [redis.url, redis.url],
        load: { api: release.pod(0).address },
        async begin() {
          pauses.start(1_000, async () => {
            await release.pod(1).hang();
            await sleep(4_000);
            release.pod(1).resume();
          });
        },
        end: async () => pauses.stop(),
      };
    },
  },
  {
    name: 'closed',
    broker: 'Redis',
    what: 'A pod stops whose clients do not act on `reconnect`',
    fires: ['HoldfastConnectionBudgetBurn fast', 'HoldfastConnectionBudgetBurn slow'],
    async prepare(defer) {
      const redis = await RedisServer.start();
      defer(async () => redis.close());
      return {
        brokers: [redis.url, redis.url],
        env: { HOLDFAST_DRAIN_SECONDS: '3' },
        async begin(release) {
          const { port } = release.pod(1);
          for (let index = 0; index < STUBBORN; index += 1) {
            const token = await signToken({ sub: `stubborn-${index}`, channels: ['load:*'] });
            const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?access_token=${token}`, ['holdfast.v1.json']);
            socket.on('error', () => undefined);
            await new Promise((resolve) => socket.once('message', resolve));
          }
          await release.pod(1).stop();
        },
        end: async (release) => release.start(1),
      };
    },
  },
  {
    name: 'plain',
    broker: 'Redis',
    what: 'A backend publishes through the broker to a namespace that does not permit it',
    fires: ['HoldfastPlainMessagesRefused'],
    async prepare(defer) {
      const redis = await RedisServer.start();
      defer(async () => redis.close());
      return {
        brokers: [redis.url, redis.url],
        config: { namespaces: { news: { brokerPublish: true } } },
        begin: async () => redis.admin.xadd('holdfast:{inbox}:inbox', '*', 'channel', 'load:1', 'data', '1'),
        end: async () => undefined,
      };
    },
  },
];
