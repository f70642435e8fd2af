import { runnerImport } from 'vite';
import type { KafkaCluster } from '../../libs/broadcast/test/support/kafka-cluster.js';
import type { KafkaBehindProxy } from '../../libs/broadcast/test/support/kafka-server.js';
import type { NatsCluster, NatsServer } from '../../libs/broadcast/test/support/nats-server.js';
import type { PostgresServer } from '../../libs/broadcast/test/support/postgres-server.js';
import type { FakePubsub } from '../../libs/broadcast/test/support/pubsub/fake-pubsub.js';
import type { RabbitCluster, RabbitServer } from '../../libs/broadcast/test/support/rabbitmq-server.js';
import type { RedisServer, SentinelSetUp } from '../../libs/broadcast/test/support/redis-servers.js';
import type { SilentProxy } from '../../libs/broadcast/test/support/silent-proxy.js';
import { repositoryPath } from '../servers/paths.ts';

export type BrokerName = 'memory' | 'redis' | 'kafka' | 'rabbitmq' | 'nats' | 'postgres' | 'pubsub';

/** The real server of a broker. */
export interface BrokerServer {
  /** The URL of a log, or of keys, that nobody else uses. */
  url(name: string): string;
  close(): Promise<void>;
}

/** One node, behind a proxy. */
export interface SingleServer extends BrokerServer {
  /** The same through the proxy. */
  proxied(name: string): string;
  /** Closes all connections through the proxy. */
  cut(): void;
  kill(): Promise<void>;
  removeData(): Promise<void>;
  run(): Promise<void>;
}

export interface ClusteredServer extends BrokerServer {
  /** Kills the node that leads what is needed for the messages of a log. */
  killLeader(name: string): Promise<void>;
}

/** A broker in the comparison. */
export interface Broker {
  readonly name: BrokerName;
  readonly title: string;
  /** The duration of the first warm-up, in s, of a server that becomes faster as it runs. */
  readonly warmUp?: number;
  /** Absent if nothing is shared between processes. */
  readonly start?: () => Promise<SingleServer>;
  /** Three servers. */
  readonly startCluster?: () => Promise<ClusteredServer>;
}

/** A module of the tests' servers. They are written for a bundler, so that Node alone cannot load them. */
export async function support<Module>(name: string): Promise<Module> {
  const { module } = await runnerImport<Module>(repositoryPath(`libs/broadcast/test/support/${name}.ts`), {
    configFile: false,
    root: repositoryPath('.'),
    logLevel: 'error',
  });
  return module;
}

interface Node {
  readonly port: number;
  kill(): Promise<void>;
  removeData?(): Promise<void>;
  run(): Promise<void>;
  close(): Promise<void>;
}

/** @param urlOf the URL of a name at an address. */
async function behindProxy(node: Node, urlOf: (address: string, name: string) => string): Promise<SingleServer> {
  const { SilentProxy: Proxy } = await support<{ SilentProxy: typeof SilentProxy }>('silent-proxy');
  const proxy = await Proxy.start(node.port);
  return {
    url: (name) => urlOf(`127.0.0.1:${node.port}`, name),
    proxied: (name) => urlOf(proxy.address, name),
    cut: () => proxy.restore(),
    kill: async () => node.kill(),
    // A server that keeps nothing on the disk has nothing to remove.
    removeData: async () => node.removeData?.(),
    run: async () => node.run(),
    async close() {
      await proxy.close();
      await node.close();
    },
  };
}

export const BROKERS: readonly Broker[] = [
  { name: 'memory', title: 'memory (one pod)' },
  {
    name: 'redis',
    title: 'Redis',
    async start() {
      const { RedisServer: Server } = await support<{ RedisServer: typeof RedisServer }>('redis-servers');
      // Like most that are in use: every write is in the file, which is synchronized once a second.
      const server = await Server.start(['appendonly yes']);
      const remove = async (): Promise<void> => {
        const { rm } = await import('node:fs/promises');
        await rm(`${server.directory}/appendonlydir`, { recursive: true, force: true });
      };
      const node: Node = {
        port: server.port,
        kill: async () => server.kill(),
        removeData: remove,
        run: async () => server.run(),
        close: async () => server.close(),
      };
      return behindProxy(node, (address, name) => `redis://${address}?prefix=${name}`);
    },
    async startCluster() {
      const { SentinelSetUp: SetUp } = await support<{ SentinelSetUp: typeof SentinelSetUp }>('redis-servers');
      const setUp = await SetUp.start();
      return {
        url: (prefix) => setUp.url({ prefix }),
        killLeader: async () => (await setUp.primary()).kill(),
        close: async () => setUp.close(),
      };
    },
  },
  {
    name: 'kafka',
    title: 'Kafka',
    warmUp: 30,
    async start() {
      // The tests' servers start fast instead, and stay slow.
      process.env['KAFKA_OPTS'] = '-XX:TieredStopAtLevel=4';
      const { KafkaBehindProxy: Server } = await support<{ KafkaBehindProxy: typeof KafkaBehindProxy }>('kafka-server');
      const { server, proxy } = await Server.start();
      return {
        url: (topic) => server.url(topic),
        proxied: (topic) => `kafka://${proxy.address}/${topic}`,
        cut: () => proxy.restore(),
        kill: async () => server.kill(),
        removeData: async () => server.removeData(),
        run: async () => server.run(),
        async close() {
          await proxy.close();
          await server.close();
        },
      };
    },
    async startCluster() {
      const { KafkaCluster: Cluster } = await support<{ KafkaCluster: typeof KafkaCluster }>('kafka-cluster');
      const cluster = await Cluster.start();
      return {
        url: (topic) => cluster.url(topic),
        killLeader: async (topic) => cluster.node(await cluster.leader(topic, 0)).kill(),
        close: async () => cluster.close(),
      };
    },
  },
  {
    name: 'rabbitmq',
    title: 'RabbitMQ',
    async start() {
      const { RabbitServer: Server } = await support<{ RabbitServer: typeof RabbitServer }>('rabbitmq-server');
      return behindProxy(await Server.start(), (address, name) => `amqp://${address}?prefix=${name}`);
    },
    async startCluster() {
      const { RabbitCluster: Cluster } = await support<{ RabbitCluster: typeof RabbitCluster }>('rabbitmq-server');
      const cluster = await Cluster.start();
      return {
        url: (prefix) => `${cluster.url}?prefix=${prefix}`,
        killLeader: async (prefix) => (await cluster.leaderOf(`${prefix}.log.0`)).kill(),
        close: async () => cluster.close(),
      };
    },
  },
  {
    name: 'nats',
    title: 'NATS',
    async start() {
      const { NatsServer: Server } = await support<{ NatsServer: typeof NatsServer }>('nats-server');
      return behindProxy(await Server.start(), (address, name) => `nats://${address}?prefix=${name}`);
    },
    async startCluster() {
      const { NatsCluster: Cluster } = await support<{ NatsCluster: typeof NatsCluster }>('nats-server');
      const cluster = await Cluster.start();
      return {
        url: (prefix) => `${cluster.url}?prefix=${prefix}`,
        killLeader: async (prefix) => (await cluster.leaderOf(`${prefix}-log-0`)).kill(),
        close: async () => cluster.close(),
      };
    },
  },
  {
    name: 'postgres',
    title: 'PostgreSQL',
    async start() {
      const { PostgresServer: Server } = await support<{ PostgresServer: typeof PostgresServer }>('postgres-server');
      return behindProxy(
        await Server.start(),
        // Names in PostgreSQL are in lower case.
        (address, name) => `postgres://postgres@${address}/postgres?schema=${name.toLowerCase()}`,
      );
    },
    /** A primary with a replica, which is promoted: nothing elects a primary by itself. */
    async startCluster() {
      const { PostgresServer: Server } = await support<{ PostgresServer: typeof PostgresServer }>('postgres-server');
      const primary = await Server.start();
      const replica = await Server.start({ primary });
      await primary.query("alter system set synchronous_standby_names = '*'");
      await primary.query('select pg_reload_conf()');
      return {
        url: (name) => {
          const hosts = `127.0.0.1:${primary.port},127.0.0.1:${replica.port}`;
          return `postgres://postgres@${hosts}/postgres?failover=keep&schema=${name.toLowerCase()}`;
        },
        async killLeader() {
          await primary.kill();
          await replica.promote();
          await replica.query("alter system set synchronous_standby_names = ''");
          await replica.query('select pg_reload_conf()');
        },
        async close() {
          await replica.close();
          await primary.close();
        },
      };
    },
  },
  {
    name: 'pubsub',
    title: 'Pub/Sub (fake server)',
    /** What it costs the pods is real. The latency is not that of Google's service. */
    async start() {
      const { FakePubsub: Fake } = await support<{ FakePubsub: typeof FakePubsub }>('pubsub/fake-pubsub');
      // Nothing is delivered again because this process was busy: the least at Google is 10 s, too.
      const fake = await Fake.start({ ackDeadline: 10_000 });
      const node: Node = {
        port: fake.port,
        kill: async () => fake.stop(),
        removeData: async () => fake.clear(),
        run: async () => fake.run(),
        close: async () => fake.stop(),
      };
      return behindProxy(node, (address, name) => `pubsub://test-project/${name}?endpoint=${address}`);
    },
  },
];
