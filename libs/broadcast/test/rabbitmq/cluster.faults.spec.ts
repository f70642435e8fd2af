import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { RabbitCluster } from '../support/rabbitmq-server.js';

let cluster: RabbitCluster;
const followers: LogFollower[] = [];

beforeAll(async () => {
  cluster = await RabbitCluster.start();
});
afterAll(async () => cluster.close());
afterEach(async () => {
  await Promise.all(followers.splice(0).map(async ({ adapter }) => adapter.close()));
});

async function follow(prefix: string): Promise<LogFollower> {
  const follower = new LogFollower(new RabbitAdapter(() => `${cluster.url}?prefix=${prefix}&partitions=1`));
  followers.push(follower);
  return follower.start();
}

/** Appends numbers, several at a time, until it is stopped. */
class Writer {
  readonly acknowledged = new Set<string>();
  #stopped = false;
  #sent = 0;
  readonly #running: Promise<unknown>;

  constructor(private readonly follower: LogFollower) {
    this.#running = Promise.all(Array.from({ length: 4 }, async () => this.#run()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const text = `n${(this.#sent += 1)}`;
      try {
        await this.follower.adapter.append(0, Buffer.from(text), AbortSignal.timeout(1_800));
        this.acknowledged.add(text);
      } catch {
        // It may be stored or not. While there is no connection, appends fail at once.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

function missing(expected: ReadonlySet<string>, texts: readonly string[]): string[] {
  const found = new Set(texts);
  return [...expected].filter((text) => !found.has(text));
}

describe('a log on a cluster of RabbitMQ', () => {
  it('keeps every acknowledged entry at its place when the leader is killed and comes back', async () => {
    const [writing, here, there] = [await follow('leader'), await follow('leader'), await follow('leader')];
    for (const follower of [here, there]) follower.tail('first');
    const writer = new Writer(writing);
    const moreAcknowledged = async (): Promise<void> => {
      const before = writer.acknowledged.size;
      await eventually(() => expect(writer.acknowledged.size).toBeGreaterThan(before + 100), 30_000);
    };
    await moreAcknowledged();
    const leader = await cluster.leaderOf('leader.log.0');
    await leader.kill();
    await moreAcknowledged();
    await leader.run();
    await moreAcknowledged();
    await writer.stop();
    await eventually(() => {
      for (const follower of [here, there]) expect(missing(writer.acknowledged, follower.texts())).toEqual([]);
    });
    const [one, other] = [here.entries(), there.entries()].map((entries) =>
      entries.map(({ offset, data }) => `${offset}: ${Buffer.from(data).toString()}`),
    );
    const common = Math.min(one?.length ?? 0, other?.length ?? 0);
    expect(one?.slice(0, common)).toEqual(other?.slice(0, common));
    expect(new Set(here.texts()).size).toBe(here.texts().length);
    const offsets = here.entries().map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    for (const follower of [writing, here, there]) {
      await eventually(() => expect(follower.problem).toBeUndefined());
      await follower.open();
      expect(follower.interruptions.every(({ isCut }) => !isCut)).toBe(true);
    }
  });

  it('acknowledges nothing without a majority of the nodes, and continues with one', async () => {
    const here = await follow('majority');
    here.tail('first');
    await here.append('before');
    await here.reads(['before']);
    const lost = cluster.servers.slice(1);
    await Promise.all(lost.map(async (server) => server.kill()));
    const error: unknown = await here.adapter
      .append(0, Buffer.from('meanwhile'), AbortSignal.timeout(1_800))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    // A node ends if it does not find the others soon enough, and is then started again as by a service manager.
    await Promise.all(lost.map(async (server) => eventually(async () => server.run(), 60_000)));
    await eventually(async () => {
      await here.adapter.open(AbortSignal.timeout(5_000));
      await here.adapter.append(0, Buffer.from('after'), AbortSignal.timeout(5_000));
    }, 40_000);
    await eventually(() => expect(here.texts()).toContain('after'), 20_000);
    expect(here.texts()[0]).toBe('before');
  });
});
