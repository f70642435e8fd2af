import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startRedis } from '../redis/support/redis.js';
import { configFile, startPods } from '../support/pod-process.js';
import { JWT_SECRET } from '../support/gateway.js';
import type { ClientsOptions, ClientsReport } from './clients.js';

const CONNECTIONS = Number(process.env['SCALE_CONNECTIONS'] ?? 20_000);
/** Members of a room. */
const ROOM = 20;
const PODS = ['pod-1', 'pod-2', 'pod-3'];
/** Many machines permit 20,000 open files per process. */
const CLIENTS_PER_PROCESS = 7_000;
/** ms within which everything is restored. */
const RESTORED_WITHIN_MS = 60_000;

class ClientProcess {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when all clients are connected and subscribed. */
  static async start(options: ClientsOptions): Promise<ClientProcess> {
    const child = fork(fileURLToPath(new URL('clients.ts', import.meta.url)), [JSON.stringify(options)]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const [report] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error('the clients ended before they were connected');
      }),
    ])) as [ClientsReport];
    expect(report).toMatchObject({ subscribed: options.count, closed: 0, leaves: 0 });
    return new ClientProcess(child);
  }

  async report(): Promise<ClientsReport> {
    const answer = once(this.child, 'message') as Promise<[ClientsReport]>;
    this.child.send('report');
    const [report] = await answer;
    return report;
  }
}

/** Checks the leases continuously. */
class LeaseWatch {
  /** The shortest remaining time of a lease in ms, after all pods were known again. */
  shortest = Infinity;
  readonly #births = new Set<string>();
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(private readonly redis: RedisServer) {
    this.#running = this.#run();
  }

  /** @returns the number of leases. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.#births.size;
  }

  async #run(): Promise<void> {
    const { admin } = this.redis;
    for (let isComplete = false; !this.#stopped; await sleep(250)) {
      const [time, leases, births] = await Promise.all([
        admin.time(),
        admin.zrange('holdfast:{pods}:pods', '0', '-1', 'WITHSCORES'),
        admin.hvals('holdfast:{pods}:births'),
      ]);
      for (const birth of births) this.#births.add(birth);
      const now = (time[0] ?? 0) * 1_000 + (time[1] ?? 0) / 1_000;
      const remaining = leases.filter((_, index) => index % 2 === 1).map((ends) => Number(ends) - now);
      isComplete ||= remaining.length === PODS.length;
      if (isComplete) this.shortest = Math.min(this.shortest, ...remaining);
      if (isComplete && remaining.length < PODS.length) this.shortest = 0;
    }
  }
}

/** The number of calls of each command since Redis started, including those of scripts. */
async function commandCounts({ admin }: RedisServer): Promise<Map<string, number>> {
  const info = await admin.info('commandstats');
  return new Map(
    Array.from(info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, name, calls]) => [name ?? '', Number(calls)]),
  );
}

/** The number of members and connections in Redis. */
async function stored({ admin }: RedisServer, rooms: number): Promise<{ members: number; connections: number }> {
  const sum = async (keys: string[], command: 'zcard' | 'hlen'): Promise<number> => {
    const counts = await Promise.all(keys.map((key) => admin[command](key)));
    return counts.reduce((total, count) => total + count, 0);
  };
  return {
    members: await sum(
      Array.from({ length: rooms }, (_, room) => `holdfast:{room:${room}}:order`),
      'zcard',
    ),
    connections: await sum(
      Array.from({ length: CONNECTIONS }, (_, index) => `holdfast:{user-${index}}:connections`),
      'hlen',
    ),
  };
}

describe(`${CONNECTIONS} connections with presence over three gateway processes`, { timeout: 900_000 }, () => {
  it('are restored to an empty Redis within 60 s, while every lease is kept and no client leaves', async ({
    annotate,
  }) => {
    const redis = await startRedis();
    const HOLDFAST_CONFIG = await configFile({
      namespaceDefaults: { presence: true },
      // Neither the rate of connects is measured here, nor the load of a machine that runs everything.
      limits: { connectionRate: { perPod: { burst: CONNECTIONS } } },
      overload: { maxEventLoopDelay: 60 },
    });
    const pods = await startPods(redis.url, PODS, { HOLDFAST_CONFIG });
    const rooms = CONNECTIONS / ROOM;
    const clients: ClientProcess[] = [];
    for (let first = 0; first < CONNECTIONS; first += CLIENTS_PER_PROCESS) {
      const count = Math.min(CLIENTS_PER_PROCESS, CONNECTIONS - first);
      const urls = pods.map(({ webSocketUrl }) => webSocketUrl);
      clients.push(await ClientProcess.start({ urls, secret: JWT_SECRET, first, count, rooms }));
    }
    expect(await stored(redis, rooms)).toEqual({ members: CONNECTIONS, connections: CONNECTIONS });
    const before = await redis.admin.dbsize();
    await redis.kill();
    await redis.run();
    const began = performance.now();
    const leases = new LeaseWatch(redis);
    await eventually(async () => expect(await redis.admin.dbsize()).toBeGreaterThanOrEqual(before), 300_000);
    const counts = await commandCounts(redis);
    await eventually(async () =>
      expect(await stored(redis, rooms)).toEqual({ members: CONNECTIONS, connections: CONNECTIONS }),
    );
    const took = performance.now() - began;
    // For late effects: a lost lease, the sweep that follows, a list of members.
    await sleep(30_000);
    expect(await leases.stop()).toBe(PODS.length);
    const reports = await Promise.all(clients.map((client) => client.report()));
    const seen = (field: keyof ClientsReport): number => reports.reduce((sum, report) => sum + report[field], 0);
    const lines = [...counts].toSorted(([, one], [, other]) => other - one).map(([name, calls]) => `${name} ${calls}`);
    await annotate(
      [
        `${availableParallelism()} CPUs; ${before} keys before`,
        `everything is restored after ${Math.round(took)} ms`,
        `the shortest lease had ${Math.round(leases.shortest)} ms left`,
        `clients saw ${seen('joins')} joins, ${seen('leaves')} leaves, and ${seen('closed')} were closed`,
        `commands: ${lines.join(', ')}`,
      ].join('\n'),
    );
    expect(await stored(redis, rooms)).toEqual({ members: CONNECTIONS, connections: CONNECTIONS });
    expect(leases.shortest).toBeGreaterThan(0);
    expect([seen('leaves'), seen('closed')]).toEqual([0, 0]);
    expect(took).toBeLessThan(RESTORED_WITHIN_MS);
  });
});
