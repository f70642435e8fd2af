import { setTimeout as sleep } from 'node:timers/promises';
import { median } from 'simple-statistics';
import type { Client } from '../load/client.ts';
import { messageData } from '../load/message.ts';
import { pace } from '../load/pace.ts';
import { openClient } from '../load/population.ts';
import type { ServerProcess } from '../servers/process.ts';
import { preciseCpuTime } from '../servers/usage.ts';
import { MEMBERS, type RedisServers } from './servers.ts';

const CHANNELS = 16;
/** Each window is measured in parts, as other programs disturb some of them. */
const PARTS = 5;
/** Longer than channels stay attached after their last subscriber. */
const SETTLE_MS = 5_000;

export interface Rates {
  /** The duration of each window, in s. */
  readonly seconds: number;
  readonly publishesPerSecond: number;
  readonly connectsPerSecond: number;
}

/** What an operation costs all primaries together. */
export interface Cost {
  readonly commands: number;
  /** In µs. */
  readonly cpu: number;
}

export interface PodsSample {
  readonly pods: number;
  /** Of one pod per second. */
  readonly idle: Cost;
  readonly publish: Cost;
}

export interface ConnectSample {
  readonly connect: Cost;
  /** To a channel that no other client of the pod has subscribed to. */
  readonly subscribe: Cost;
  /** The same with presence. */
  readonly join: Cost;
}

/** An idle pod, and a publish that every pod has a subscriber for. */
export async function pods(
  redis: RedisServers,
  gateways: readonly ServerProcess[],
  { seconds, publishesPerSecond }: Rates,
): Promise<PodsSample> {
  const clients: Client[] = [];
  try {
    for (const [index, { port, server }] of gateways.entries()) {
      const client = await openClient(index, { port, dialect: server.dialect });
      clients.push(client);
      for (let channel = 0; channel < CHANNELS; channel += 1) await client.subscribe(`room:${channel}`);
    }
    const publisher = clients[0];
    if (publisher === undefined) throw new Error('no gateway');
    let sent = 0;
    const publish = (count: number): void => {
      for (let due = 0; due < count; due += 1) {
        publisher.publish(`room:${sent % CHANNELS}`, messageData(sent));
        sent += 1;
      }
    };
    await pace(publishesPerSecond, 1, publish);
    await sleep(SETTLE_MS);
    const idle = await spent(redis, async () => sleep(seconds * 1_000));
    const part = seconds / PARTS;
    const costs: Cost[] = [];
    for (let index = 0; index < PARTS; index += 1) {
      const busy = await spent(redis, async () => pace(publishesPerSecond, part, publish));
      costs.push(each(less(busy, idle), publishesPerSecond * part));
    }
    for (const client of clients) await client.received(sent);
    return { pods: gateways.length, idle: each(idle, gateways.length * seconds), publish: medianOf(costs) };
  } finally {
    for (const client of clients) client.close();
  }
}

/** Clients that connect and subscribe, each as another user. */
export async function connects(
  redis: RedisServers,
  gateway: ServerProcess,
  { seconds, connectsPerSecond }: Rates,
): Promise<ConnectSample> {
  const { port, server } = gateway;
  const clients: Client[] = [];
  try {
    await sleep(SETTLE_MS);
    const idle = await spent(redis, async () => sleep(seconds * 1_000));
    const part = seconds / PARTS;
    const paced = async (task: (index: number) => Promise<unknown>): Promise<Cost> => {
      const running: Promise<unknown>[] = [];
      const costs: Cost[] = [];
      for (let index = 0; index < PARTS; index += 1) {
        const used = await spent(redis, async () => {
          await pace(connectsPerSecond, part, (due) => {
            for (let started = 0; started < due; started += 1) running.push(task(running.length));
          });
          await Promise.all(running);
        });
        costs.push(each(less(used, idle), connectsPerSecond * part));
      }
      return medianOf(costs);
    };
    return {
      connect: await paced(async (index) => clients.push(await openClient(index, { port, dialect: server.dialect }))),
      subscribe: await paced(async (index) => clients[index]?.subscribe(`own:${index}`)),
      join: await paced(async (index) => clients[index]?.subscribe(`${MEMBERS}:${index}`)),
    };
  } finally {
    for (const client of clients) client.close();
  }
}

interface Spent extends Cost {
  readonly seconds: number;
}

async function spent({ servers }: RedisServers, task: () => Promise<unknown>): Promise<Spent> {
  const [commands, cpu, began] = [await commandsOf(servers), cpuOf(servers), performance.now()];
  await task();
  const seconds = (performance.now() - began) / 1_000;
  return { cpu: cpuOf(servers) - cpu, commands: (await commandsOf(servers)) - commands, seconds };
}

function less(busy: Spent, idle: Spent): Cost {
  const share = busy.seconds / idle.seconds;
  return { commands: busy.commands - idle.commands * share, cpu: busy.cpu - idle.cpu * share };
}

function each({ commands, cpu }: Cost, count: number): Cost {
  return { commands: commands / count, cpu: cpu / count };
}

function medianOf(costs: readonly Cost[]): Cost {
  return { commands: median(costs.map(({ commands }) => commands)), cpu: median(costs.map(({ cpu }) => cpu)) };
}

function cpuOf(servers: RedisServers['servers']): number {
  return servers.reduce((sum, { pid }) => sum + preciseCpuTime(pid), 0);
}

/** All commands, including those that scripts call. */
async function commandsOf(servers: RedisServers['servers']): Promise<number> {
  let sum = 0;
  for (const { admin } of servers) {
    const stats = await admin.info('commandstats');
    for (const [, calls] of stats.matchAll(/calls=(\d+)/g)) sum += Number(calls);
  }
  return sum;
}
