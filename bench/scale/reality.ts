import { setTimeout as sleep } from 'node:timers/promises';
import { Holdfast } from '@holdfast/client';
import { WebSocket } from 'ws';
import { mkdir, writeFile } from 'node:fs/promises';
import type { RedisServer } from '../../libs/broadcast/test/support/redis-servers.js';
import { ready } from '../brokers/gateway.ts';
import { support } from '../brokers/servers.ts';
import { availableTokens } from '../load/tokens.ts';
import { CONFIG, holdfast } from '../servers/holdfast/server.ts';
import { CACHE } from '../servers/paths.ts';
import { LOAD_CORE, pinTo } from '../servers/pin.ts';
import { SERVER_CORE, ServerProcess } from '../servers/process.ts';
import type { Server } from '../servers/server.ts';
import type { Settings } from './model/settings.ts';

export const REAL = { pods: 3, clientsPerPod: 1_000, settle: 1_000, window: 10_000, redisAway: 2_000 };
/** A rate that clients have to wait for. */
export const LOW_RATE = { burst: 100, perSecond: 50 };

const CLIENTS = REAL.pods * REAL.clientsPerPod;
const WITHIN_MS = 90_000;

/** When each client was back, in s after the fault. */
export type Times = readonly number[];

export interface Reality {
  readonly killed: Times;
  readonly killedWithLowRate: Times;
  readonly drained: Times;
  readonly redisRestarted: Times;
  /** CPU time of a pod and of the clients' process for a connect, in ms. */
  readonly acceptCost: number;
  readonly clientCost: number;
}

/** Three gateway processes with a Redis server, and 3,000 clients of the library in this process. */
export async function measureReality(rate: Settings['rate']): Promise<Reality> {
  const { RedisServer: Redis } = await support<{ RedisServer: typeof RedisServer }>('redis-servers');
  await availableTokens(CLIENTS);
  const redis = await Redis.start();
  try {
    const killed = await withClients(redis.url, rate, async (crowd) => crowd.kill());
    const low = await withClients(redis.url, LOW_RATE, async (crowd) => crowd.kill());
    const drained = await withClients(redis.url, rate, async (crowd) => crowd.drain());
    const restarted = await withClients(redis.url, rate, async (crowd) => crowd.restart(redis));
    return {
      killed: killed.times,
      killedWithLowRate: low.times,
      drained: drained.times,
      redisRestarted: restarted.times,
      acceptCost: killed.acceptCost,
      clientCost: killed.clientCost,
    };
  } finally {
    await redis.close();
  }
}

interface Measured {
  readonly times: Times;
  readonly acceptCost: number;
  readonly clientCost: number;
}

async function withClients(
  broker: string,
  rate: Settings['rate'],
  fault: (crowd: Crowd) => Promise<Times>,
): Promise<Measured> {
  const gateways: ServerProcess[] = [];
  let crowd: Crowd | undefined;
  try {
    while (gateways.length < REAL.pods) {
      const gateway = await ServerProcess.start(gatewayWith(rate), { broker });
      gateways.push(gateway);
      // It is about seconds, and not about CPU time.
      pinTo([SERVER_CORE, LOAD_CORE], gateway.pid);
      await ready(gateway.port);
    }
    crowd = new Crowd(gateways);
    const [before, own] = [crowd.serverTime, process.cpuUsage()];
    await crowd.connect(rate);
    const { user, system } = process.cpuUsage(own);
    const costs = {
      acceptCost: (crowd.serverTime - before) / CLIENTS / 1_000,
      clientCost: (user + system) / CLIENTS / 1_000,
    };
    return { times: (await fault(crowd)).toSorted((a, b) => a - b), ...costs };
  } finally {
    await crowd?.close();
    for (const gateway of gateways) await gateway.stop();
  }
}

class Crowd {
  readonly #clients: Holdfast[] = [];
  #live: ServerProcess[];
  #first = 0;
  #connected = 0;
  #began = 0;
  #gaps: number[] = [];
  #back: number[] = [];
  #moved: number[] = [];

  constructor(gateways: readonly ServerProcess[]) {
    this.#live = [...gateways];
  }

  get serverTime(): number {
    return this.#live.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  }

  async connect({ perSecond }: Settings['rate']): Promise<void> {
    const tokens = await availableTokens(CLIENTS);
    const port = (): number => this.#nextPort();
    class Routed extends WebSocket {
      constructor(_url: string | URL, protocols?: string | string[]) {
        super(`ws://127.0.0.1:${port()}/ws`, protocols);
      }
    }
    for (let index = 0; index < CLIENTS; index += 1) {
      const client = new Holdfast('ws://127.0.0.1/ws', { token: tokens[index], WebSocket: Routed });
      client.on('state', ({ state }) => {
        if (state !== 'connected') return;
        this.#connected += 1;
        this.#back.push(this.#passed);
      });
      client.on('moved', () => this.#moved.push(this.#passed));
      client.subscribe(`own:${index}`, { message: () => undefined, gap: () => this.#gaps.push(this.#passed) });
      this.#clients.push(client);
      // No faster than the pods accept, and in small groups.
      if (index % 30 === 29) await sleep(Math.max(20, 10_000 / perSecond));
    }
    await reached(() => this.#connected >= CLIENTS, 'not all clients have connected');
    await sleep(3_000);
  }

  /** kill -9 of one pod. */
  async kill(): Promise<Times> {
    const [killed] = this.#live.splice(0, 1);
    this.#begin();
    await killed?.stop();
    await reached(() => this.#back.length >= REAL.clientsPerPod, 'not all clients are back');
    return this.#back;
  }

  /** SIGTERM. */
  async drain(): Promise<Times> {
    const [drained] = this.#live.splice(0, 1);
    this.#begin();
    process.kill(drained?.pid ?? 0, 'SIGTERM');
    await reached(() => this.#moved.length >= REAL.clientsPerPod, 'not all clients have moved');
    return this.#moved;
  }

  /** Redis is killed, and started again without its data. */
  async restart(redis: RedisServer): Promise<Times> {
    await redis.kill();
    await sleep(REAL.redisAway);
    this.#begin();
    await redis.run();
    await reached(() => this.#gaps.length >= CLIENTS, 'not all clients have received a gap');
    return this.#gaps;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(async (client) => client.close()));
  }

  get #passed(): number {
    return (performance.now() - this.#began) / 1_000;
  }

  #begin(): void {
    this.#began = performance.now();
    this.#back = [];
    this.#moved = [];
    this.#gaps = [];
  }

  /** One pod after the other at first, then at random like a Service. */
  #nextPort(): number {
    const index = this.#first < CLIENTS ? this.#first++ % REAL.pods : Math.floor(Math.random() * this.#live.length);
    return this.#live[index]?.port ?? 0;
  }
}

async function reached(condition: () => boolean, problem: string): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(problem);
    await sleep(20);
  }
}

function gatewayWith(perPod: Settings['rate']): Server {
  return {
    ...holdfast,
    async launch(options) {
      const { command, args, env } = await holdfast.launch(options);
      await mkdir(CACHE, { recursive: true });
      const file = `${CACHE}/scale-${perPod.burst}.json`;
      const limits = { ...CONFIG.limits, connectionRate: { perPod } };
      const drain = { settle: `${REAL.settle / 1_000}`, window: `${REAL.window / 1_000}` };
      await writeFile(file, JSON.stringify({ ...CONFIG, limits }));
      const times = { HOLDFAST_SETTLE_SECONDS: drain.settle, HOLDFAST_DRAIN_SECONDS: drain.window };
      return { command, args, env: { ...env, ...times, HOLDFAST_CONFIG: file } };
    },
  };
}
