import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { ClusterSetUp, eventually, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { connectAs } from '../support/connect-as.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { NO_LIMITS } from '../support/no-limits.js';
import { startRedis } from './support/redis.js';

/** Enough that what pods do in the background, a few commands per second, is rounded away. */
const REPEATS = 200;
/** ms within which commands that nobody waits for have been sent. */
const SETTLE = 200;
/** ms after which a channel without subscribers is detached, and a little more. */
const LINGER = 3_500;
/** s for which an idle pod is watched. */
const IDLE = 10;

type Commands = Readonly<Record<string, number>>;

interface Operation {
  readonly name: string;
  /** What the pod sends. */
  readonly sent: Commands;
  /** What the scripts call that it sends. */
  readonly inside: Commands;
}

/** `publish` is `spublish` on a cluster. */
const OPERATIONS = {
  anonymous: { name: 'an anonymous client connects', sent: {}, inside: {} },
  connect: {
    name: 'a user connects',
    sent: { evalsha: 1, zadd: 1 },
    inside: { time: 1, hset: 1, pexpire: 1 },
  },
  disconnect: { name: 'a user disconnects', sent: { evalsha: 1 }, inside: { hget: 1, hdel: 1 } },
  subscribe: {
    name: 'the first subscription of a pod to a new channel',
    sent: { evalsha: 1, subscribe: 1, zadd: 1 },
    inside: { time: 1, info: 1, hmget: 1, del: 2, hset: 1, pexpire: 1, pttl: 1 },
  },
  subscribeAgain: { name: 'each further one of that pod', sent: {}, inside: {} },
  presence: {
    name: 'the same with presence: added for each subscription',
    sent: { evalsha: 1 },
    inside: { time: 1, hget: 1, zrevrange: 1, zadd: 1, hset: 1, sadd: 1, pexpire: 3, publish: 1, zcard: 1 },
  },
  leave: {
    name: 'the end of a subscription with presence',
    sent: { evalsha: 1 },
    inside: { hget: 1, hdel: 1, zrem: 1, srem: 1, publish: 1, zcard: 1 },
  },
  detach: {
    name: 'the end of the last subscription of a pod',
    sent: { evalsha: 1, unsubscribe: 1, zrem: 1 },
    inside: { 'pubsub|numsub': 1, exists: 1, hset: 1, hget: 1, pexpire: 1 },
  },
  publish: {
    name: 'a publish',
    sent: { evalsha: 1 },
    inside: { time: 1, info: 1, hmget: 1, xadd: 1, xtrim: 1, pexpire: 2, hset: 1, publish: 1 },
  },
  publishWithKey: {
    name: 'a publish with an idempotency key',
    sent: { evalsha: 1 },
    inside: { get: 1, time: 1, info: 1, hmget: 1, xadd: 1, xtrim: 1, pexpire: 2, hset: 1, set: 1, publish: 1 },
  },
  publishUnkept: {
    name: 'a publish without history',
    sent: { evalsha: 1 },
    inside: { time: 1, info: 1, hmget: 1, del: 1, pexpire: 1, hset: 1, publish: 1 },
  },
} satisfies Record<string, Operation>;

type OperationKey = keyof typeof OPERATIONS;

const FILE = {
  limits: NO_LIMITS,
  namespaceDefaults: { presence: false },
  namespaces: { unkept: { history: { size: 0 } }, members: { presence: true } },
};

/** All commands of an operation, without those that it does not cause. */
function allOf(key: OperationKey): Commands {
  const { sent, inside }: Operation = OPERATIONS[key];
  const all: Record<string, number> = { ...sent };
  for (const [command, calls] of Object.entries(inside)) all[command] = (all[command] ?? 0) + calls;
  return all;
}

/** With the command of a cluster. */
function sharded(commands: Commands): Commands {
  const names: Record<string, string> = { publish: 'spublish', subscribe: 'ssubscribe' };
  return Object.fromEntries(Object.entries(commands).map(([name, calls]) => [names[name] ?? name, calls]));
}

function total(commands: Commands): number {
  return Object.values(commands).reduce((sum, calls) => sum + calls, 0);
}

/** The commands that servers run during a task, including those inside scripts. */
async function commandsOf(servers: readonly RedisServer[], task: () => Promise<unknown>): Promise<Map<string, number>> {
  for (const { admin } of servers) await admin.config('RESETSTAT');
  await task();
  await sleep(SETTLE);
  const counts = new Map<string, number>();
  for (const { admin } of servers) {
    const stats = await admin.info('commandstats');
    for (const [, name = '', calls] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      counts.set(name, (counts.get(name) ?? 0) + Number(calls));
    }
  }
  return counts;
}

/** The commands of one operation. One after the other, since what happens at the same time is sent together. */
async function cost(
  servers: readonly RedisServer[],
  run: (index: number) => Promise<unknown>,
  afterwards?: () => Promise<unknown>,
): Promise<Commands> {
  const counts = await commandsOf(servers, async () => {
    for (let index = 0; index < REPEATS; index += 1) await run(index);
    await afterwards?.();
  });
  const rounded = [...counts].map(([name, calls]) => [name, Math.round(calls / REPEATS)] as const);
  return Object.fromEntries(rounded.filter(([, calls]) => calls > 0));
}

async function start(broker: string, node: string): Promise<TestGateway> {
  const gateway = await startGateway(FILE, { HOLDFAST_BROKER: broker, HOLDFAST_NODE: node });
  await eventually(async () => expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200));
  return gateway;
}

/** Compares each operation with what it may cost. */
function expectCosts(measured: Partial<Record<OperationKey, Commands>>, as = (commands: Commands) => commands): void {
  const keys = Object.keys(measured) as OperationKey[];
  expect(measured).toEqual(Object.fromEntries(keys.map((key) => [key, as(allOf(key))])));
}

it('connects, subscriptions and publishes cost Redis exactly these commands', async () => {
  const redis = await startRedis();
  const gateway = await start(redis.url, 'here');
  const measure = async (run: (index: number) => Promise<unknown>, afterwards?: () => Promise<unknown>) =>
    cost([redis], run, afterwards);

  const anonymous = await measure(async () => gateway.connect());
  const users = new Map<number, Awaited<ReturnType<typeof connectAs>>>();
  const connect = await measure(async (index) => users.set(index, await connectAs(gateway, { sub: `user-${index}` })));
  const [ann, bob] = [await gateway.connect(), await gateway.connect()];
  const subscribe = await measure(async (index) => ann.subscribe(`quiet:${index}`));
  const subscribeAgain = await measure(async (index) => bob.subscribe(`quiet:${index}`));
  for (let index = 0; index < REPEATS; index += 1) await ann.subscribe(`members:${index}`);
  const presence = await measure(async (index) => bob.subscribe(`members:${index}`));
  const leave = await measure(async (index) => bob.request('unsubscribe', { channel: `members:${index}` }));
  for (const channel of ['quiet:0', 'unkept:0']) await ann.publish(channel, 'the first one');
  const publish = await measure(async (index) => ann.publish('quiet:0', index));
  const publishWithKey = await measure(async (index) => ann.publish('quiet:0', index, `key-${index}`));
  const publishUnkept = await measure(async (index) => ann.publish('unkept:0', index));
  for (let index = 0; index < REPEATS; index += 1) await bob.request('unsubscribe', { channel: `quiet:${index}` });
  const detach = await measure(
    async (index) => ann.request('unsubscribe', { channel: `quiet:${index}` }),
    async () => sleep(LINGER),
  );
  const disconnect = await measure(async (index) => users.get(index)?.close());

  expectCosts({
    anonymous,
    connect,
    disconnect,
    subscribe,
    subscribeAgain,
    presence,
    leave,
    detach,
    publish,
    publishWithKey,
    publishUnkept,
  });
});

it('a publish costs Redis the same commands however many pods have subscribers', async () => {
  const redis = await startRedis();
  const gateways = await Promise.all(['one', 'two', 'three'].map(async (node) => start(redis.url, node)));
  const clients = await Promise.all(gateways.map(async (gateway) => gateway.connect()));
  for (const client of clients) await client.subscribe('quiet:0');
  await clients[0]?.publish('quiet:0', 'the first one');
  expectCosts({ publish: await cost([redis], async (index) => clients[0]?.publish('quiet:0', index)) });
  for (const client of clients) await client.messages('quiet:0', REPEATS + 1);
});

it('a cluster runs the same commands', async () => {
  const cluster = await ClusterSetUp.start();
  onTestFinished(async () => cluster.close());
  const primaries = cluster.servers.slice(0, 3);
  const gateway = await start(cluster.url(), 'here');
  const connect = await cost(primaries, async (index) => connectAs(gateway, { sub: `user-${index}` }));
  const client = await gateway.connect();
  const subscribe = await cost(primaries, async (index) => client.subscribe(`quiet:${index}`));
  for (let index = 0; index < REPEATS; index += 1) await client.publish(`quiet:${index}`, 'the first one');
  const publish = await cost(primaries, async (index) => client.publish(`quiet:${index}`, index));
  expectCosts({ connect, subscribe, publish }, sharded);
});

it('an idle pod costs Redis about 15 commands a second, however many channels its clients have subscribed to', async ({
  annotate,
}) => {
  const redis = await startRedis();
  const gateway = await start(redis.url, 'here');
  const client = await gateway.connect();
  for (let index = 0; index < REPEATS; index += 1) await client.subscribe(`quiet:${index}`);
  // On a machine that stalls, connections may be reopened.
  await eventually(
    async () => {
      const counts = await commandsOf([redis], async () => sleep(IDLE * 1_000));
      const perSecond = total(Object.fromEntries(counts)) / IDLE;
      await annotate(`${perSecond} commands per second`);
      expect(perSecond).toBeLessThan(17);
    },
    4 * IDLE * 1_000,
  );
});

it('docs/brokers/redis.md states these costs', async () => {
  const page = await readFile(new URL('../../../../docs/brokers/redis.md', import.meta.url), 'utf8');
  const rows = page.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  for (const [key, { name, sent }] of Object.entries(OPERATIONS)) {
    const row = rows.find(([, first]) => first === name);
    expect(row?.slice(2, 4), name).toEqual([`${total(sent)}`, `${total(allOf(key as OperationKey))}`]);
  }
});
