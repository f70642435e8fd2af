import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogUnavailableError, LogUnknownError } from '../../src/log/log-adapter.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { NatsCluster } from '../support/nats-server.js';

const STREAM = 'holdfast-log-0';

/** Appends numbers, one after the other. What may not have been stored is appended again, as the same number. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly errors = new Set<string>();
  /** ms without an acknowledgement, at most. */
  longestPause = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(private readonly follower: LogFollower) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    let last = performance.now();
    for (let number = 1; !this.#stopped; number += 1) {
      const text = `${number}`;
      while (!(await this.#append(text)) && !this.#stopped) await sleep(50);
      if (this.#stopped) return;
      this.acknowledged.push(text);
      this.longestPause = Math.max(this.longestPause, performance.now() - last);
      last = performance.now();
      await sleep(5);
    }
  }

  async #append(text: string): Promise<boolean> {
    try {
      await this.follower.adapter.append(0, Buffer.from(text), AbortSignal.timeout(1_000));
      return true;
    } catch (error) {
      if (!(error instanceof LogUnavailableError || error instanceof LogUnknownError)) throw error;
      this.errors.add(error.message);
      return false;
    }
  }
}

describe('a NATS log on a cluster of three servers', () => {
  let cluster: NatsCluster;
  let followers: LogFollower[];

  beforeEach(async () => {
    cluster = await NatsCluster.start();
    followers = [];
  });
  afterEach(async () => {
    await Promise.all(followers.map(async ({ adapter }) => adapter.close()));
    await cluster.close();
  });

  const connect = async (parameters: string): Promise<LogFollower> => {
    const follower = new LogFollower(new NatsAdapter(() => `${cluster.url}?partitions=1${parameters}`));
    followers.push(follower);
    follower.adapter.start(follower);
    // The servers elect their leaders first.
    await eventually(async () => follower.adapter.open(AbortSignal.timeout(5_000)));
    return follower;
  };

  it('keeps order, offsets and everything that was acknowledged when the leader is killed', async ({ annotate }) => {
    const [writer, other] = [await connect(''), await connect('')];
    const readers = [writer, other, await connect('')];
    for (const reader of readers) reader.tail('first');
    const load = new Writer(writer);
    load.start();
    await eventually(() => expect(load.acknowledged.length).toBeGreaterThan(50));
    const { incarnation } = await other.adapter.bounds(0, AbortSignal.timeout(5_000));
    const killed = await cluster.leaderOf(STREAM);
    const before = load.acknowledged.length;
    await killed.kill();
    await eventually(() => expect(load.acknowledged.length).toBeGreaterThan(before + 50), 30_000);
    await killed.run();
    await load.stop();
    await annotate(`longest pause ${Math.round(load.longestPause)} ms; ${[...load.errors].join(', ')}`);
    const last = load.acknowledged.at(-1);
    for (const reader of readers) {
      await eventually(() => expect(reader.texts()).toContain(last), 20_000);
      // What was stored twice has its place by the first copy.
      expect([...new Set(reader.texts())].slice(0, load.acknowledged.length)).toEqual(load.acknowledged);
      expect(reader.interruptions.every(({ isCut }) => !isCut)).toBe(true);
    }
    const offsets = readers.map((reader) => reader.entries().map(({ offset }) => offset));
    for (const [index, own] of offsets.entries()) {
      expect(own).toEqual(own.map((_, at) => at + 1));
      const length = Math.min(own.length, offsets[0]?.length ?? 0);
      expect(readers[index]?.texts().slice(0, length)).toEqual(readers[0]?.texts().slice(0, length));
    }
    const bounds = await eventually(async () => other.adapter.bounds(0, AbortSignal.timeout(5_000)));
    expect(bounds.incarnation).toBe(incarnation);
  });

  it('refuses streams with one replica, unless the URL says replicas=1', async () => {
    const one = await connect('&replicas=1');
    await one.append('a');
    const adapter = new NatsAdapter(() => `${cluster.url}?partitions=1`);
    const log = new LogFollower(adapter);
    followers.push(log);
    adapter.start(log);
    const refused = /stream holdfast-log-0 has 1 of 3 replicas: set its num_replicas to 3, or replicas=1/;
    await eventually(async () => expect(adapter.open(AbortSignal.timeout(5_000))).rejects.toThrow(refused));
    const [server] = cluster.servers;
    await server?.manage(async ({ streams }) => streams.update(STREAM, { num_replicas: 3 }));
    await eventually(async () => adapter.open(AbortSignal.timeout(5_000)));
    expect(await log.read('first', 10)).toEqual(['a']);
  });
});
