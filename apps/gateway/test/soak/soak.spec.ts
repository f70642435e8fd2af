import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import { startRedis } from '../redis/support/redis.js';
import { configFile } from '../support/pod-process.js';
import { API_KEY, JWT_SECRET } from '../support/gateway.js';
import { Container } from './container.js';
import { Crowd } from './crowd.js';
import type { Target } from './attacks/attack.js';

/** The duration of the attacks. */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 2);
/** In the shortest soak every attack runs once; two run at a time. */
const TURN_SECONDS = 12;
/** Before the attacks, and again after them. */
const UNDISTURBED_SECONDS = 15;
/** The time until the effects of the attacks are gone. */
const CALM_SECONDS = 5;

/** The chart's limits for a pod. */
const LIMITS = { memory: 256 << 20, cpu: 0.5 };
const NODE_OPTIONS = ['--max-old-space-size-percentage=60', '--no-concurrent-marking'];
/** The chart's settings for its Redis: 60 % of 256 MiB. */
const REDIS = ['maxmemory 160432128', 'maxmemory-policy noeviction'];

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const ATTACKS = fileURLToPath(new URL('attacks/main.ts', import.meta.url));

/** The factor by which p99 of the well-behaved clients' publishes may grow. */
const MAX_SLOWDOWN = 10;
/** The factor by which memory may grow from the middle to the last third: a leak would continue to grow. */
const MAX_GROWTH = 1.15;
/** ms until the gateway has recovered from the last attack. */
const RECOVERY_MS = 30_000;

const CONFIG = {
  namespaces: {
    open: { subscribe: 'authenticated', publish: 'authenticated' },
    room: { presence: true, subscribe: 'authenticated' },
    team: { history: { size: 1_000 } },
  },
};

// Cgroups require root.
test.skipIf(process.getuid?.() !== 0)(
  `abuse by clients and operators for ${MINUTES} minutes does not affect well-behaved clients`,
  async ({ annotate }) => {
    const redis = await startRedis(REDIS);
    const backend = await startBackend();
    const gateway = await startGateway(redis.url, backend);
    const crowd = await Crowd.start(`ws://127.0.0.1:${gateway.target.port}/ws`);

    await sleep(UNDISTURBED_SECONDS * 1_000);
    const begin = performance.now();
    const before = crowd.latencies(0, begin);

    const target = { ...gateway.target, redisPort: redis.port };
    const memory: number[] = [];
    const end = begin + MINUTES * 60_000;
    const turns: Turn[] = [];
    while (performance.now() < end && gateway.isAlive()) {
      const attacks = attack(target, turns);
      while (!attacks.isOver() && performance.now() < end && gateway.isAlive()) {
        await sleep(1_000);
        memory.push(gateway.memory());
      }
      await attacks.stop();
    }
    expect(gateway.isAlive(), gateway.lastOutput()).toBe(true);
    const attacked = crowd.latencies(begin, end);

    await sleep(CALM_SECONDS * 1_000);
    const calm = performance.now();
    await sleep(UNDISTURBED_SECONDS * 1_000);
    const after = crowd.latencies(calm, performance.now());
    const undisturbed = [...before, ...after].toSorted((one, other) => one - other);
    const verdict = await crowd.stop(RECOVERY_MS);

    const exitCode = await gateway.stop();

    const figures = {
      minutes: MINUTES,
      ...verdict,
      problems: verdict.problems.length,
      'publish p50 and p99 undisturbed, ms': [50, 99].map((share) => percentile(undisturbed, share)),
      'publish p50, p99 and max under attack, ms': [50, 99, 100].map((share) => percentile(attacked, share)),
      'publish p99 during each attack (two run at a time), ms': slowest(turns, crowd),
      'memory in each tenth of the time, MiB': tenths(memory),
      'peak of the container, MiB': Math.round(gateway.peak() / 2 ** 20),
      'log lines': gateway.lines(),
    };
    await annotate(JSON.stringify(figures));
    process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);

    expect(verdict.problems).toEqual([]);
    expect(percentile(attacked, 99)).toBeLessThan(MAX_SLOWDOWN * percentile(undisturbed, 99));
    const third = Math.floor(memory.length / 3);
    expect(mean(memory.slice(-third))).toBeLessThan(MAX_GROWTH * mean(memory.slice(third, -third)));
    expect(gateway.lines()).toBeLessThan(200 + 100 * MINUTES);
    expect(exitCode).toBe(0);
  },
  (MINUTES * 60 + 2 * UNDISTURBED_SECONDS + 180) * 1_000,
);

/** A team's backend: permits everything, but fails for some channels. */
async function startBackend(): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (body.includes('asked:broken')) response.statusCode = 500;
      response.setHeader('Content-Type', 'application/json').end('{"allow":true}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function startGateway(broker: string, backend: string) {
  const [port, managementPort] = [await freePort(), await freePort()];
  const container = Container.create(LIMITS);
  const child = container.spawn(process.execPath, [...NODE_OPTIONS, MAIN], {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    HOLDFAST_PORT: String(port),
    HOLDFAST_MANAGEMENT_PORT: String(managementPort),
    HOLDFAST_BROKER: broker,
    HOLDFAST_JWT_SECRET: JWT_SECRET,
    HOLDFAST_API_KEYS: API_KEY,
    HOLDFAST_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    HOLDFAST_SETTLE_SECONDS: '0',
    HOLDFAST_DRAIN_SECONDS: '1',
    HOLDFAST_CONFIG: await configFile({
      ...CONFIG,
      webhooks: { authorization: { url: backend, actions: ['subscribe', 'publish'] } },
    }),
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = ended(child);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    await container.remove();
  });
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  const lastOutput = (): string => output.slice(-5_000);
  const url = `http://127.0.0.1:${port}/health/ready`;
  while (
    !(await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (!isAlive()) throw new Error(`the gateway ended before it was ready:\n${lastOutput()}`);
    await sleep(50);
  }
  const { pid = 0 } = child;
  return {
    target: { port, managementPort, jwtSecret: JWT_SECRET },
    isAlive,
    lastOutput,
    lines: () => output.split('\n').length - 1,
    /** The resident memory in MiB. */
    memory: () =>
      isAlive() ? (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096) / 2 ** 20 : 0,
    peak: () => container.peak,
    stop: async () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

interface Turn {
  readonly name: string;
  /** On the clock of `performance.now()`. */
  readonly begin: number;
}

/**
 * Starts the attacks, each for its turn. They end when each had one.
 *
 * @param turns receives each turn when it begins.
 */
function attack(target: Target, turns: Turn[]) {
  const argument = JSON.stringify({ target, seconds: TURN_SECONDS });
  const child = spawn('nice', [process.execPath, ATTACKS, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.on('data', (names: Buffer) => {
    for (const name of names.toString().trimEnd().split('\n')) turns.push({ name, begin: performance.now() });
  });
  const exited = ended(child);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    isOver: () => child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

/** The slowest turn of each attack, the slowest first. */
function slowest(turns: readonly Turn[], crowd: Crowd): Record<string, number> {
  const figures = turns.map(({ name, begin }): [string, number] => {
    return [name, percentile(crowd.latencies(begin, begin + TURN_SECONDS * 1_000), 99)];
  });
  const worst = new Map(figures.toSorted(([, one], [, other]) => one - other));
  return Object.fromEntries([...worst].toSorted(([, one], [, other]) => other - one));
}

/** Rounded to 0.1. */
function percentile(sorted: readonly number[], share: number): number {
  const index = Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100));
  return Math.round((sorted[index] ?? 0) * 10) / 10;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function tenths(values: readonly number[]): number[] {
  return Array.from({ length: 10 }, (_, index) => {
    const [from, to] = [index, index + 1].map((part) => Math.floor((values.length * part) / 10));
    return Math.round(mean(values.slice(from, to)));
  });
}
