import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IncrementalAlterConfigOperationTypes, ConfigResourceTypes } from '@platformatic/kafka';
import { eventually } from '../../src/testing/eventually.js';
import type { LogFollower } from '../../src/testing/log-follower.js';
import { KafkaCluster } from '../support/kafka-cluster.js';
import { Followers } from './followers.js';

const followers = new Followers();
let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await KafkaCluster.start();
}, 120_000);
afterAll(async () => {
  await followers.close();
  await cluster.close();
});

/** Appends numbers to a partition until it is stopped: those that were acknowledged, and the longest pause between two. */
class Load {
  readonly acknowledged: string[] = [];
  longestPause = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(follower: LogFollower, partition: number) {
    this.#running = this.#run(follower, partition);
  }

  async flows(): Promise<void> {
    const { length } = this.acknowledged;
    await eventually(() => expect(this.acknowledged.length).toBeGreaterThan(length + 10), 30_000);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run({ adapter }: LogFollower, partition: number): Promise<void> {
    let latest = performance.now();
    for (let number = 1; !this.#stopped; number += 1) {
      const text = `p${partition}-${number}`;
      try {
        await adapter.append(partition, Buffer.from(text), AbortSignal.timeout(1_500));
        this.acknowledged.push(text);
        this.longestPause = Math.max(this.longestPause, performance.now() - latest);
        latest = performance.now();
      } catch {
        // It is not repeated: it may have been stored.
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe('three nodes', { timeout: 120_000 }, () => {
  it('lose nothing when one leader after the other ends, by SIGTERM and by SIGKILL', async () => {
    const topic = followers.uniqueTopic();
    const url = cluster.url(topic, { partitions: '8' });
    const [here, there] = [followers.connect(url), followers.connect(url)];
    await Promise.all([here, there].map(async (pod) => pod.open()));
    await cluster.settled(topic);
    const loads = [0, 1, 2].map((partition) => {
      for (const pod of [here, there]) pod.tail('first', partition);
      return new Load(here, partition);
    });
    const flow = async (): Promise<unknown> => Promise.all(loads.map(async (load) => load.flows()));
    await flow();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const leader = cluster.node(await cluster.leader(topic, 0));
      await leader.kill(signal);
      await flow();
      await leader.run();
      await cluster.settled(topic);
    }
    await flow();
    await Promise.all(loads.map(async (load) => load.stop()));
    for (const [partition, { acknowledged, longestPause }] of loads.entries()) {
      await eventually(() => expect(here.texts(partition)).toEqual(expect.arrayContaining(acknowledged)));
      await eventually(() => expect(there.texts(partition)).toEqual(here.texts(partition)));
      const [one, other] = [here, there].map((pod) => pod.entries(partition).map(({ offset }) => offset));
      expect(other).toEqual(one);
      // Each once, in the order of the appends.
      const numbers = here.texts(partition).map((text) => Number(text.split('-')[1]));
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
      expect(longestPause).toBeLessThan(20_000);
    }
    expect([...here.interruptions, ...there.interruptions].filter(({ isCut }) => isCut)).toEqual([]);
    expect([...here.problems, ...there.problems]).toEqual([]);
  });

  it('that elect a leader without the latest entries cut the log of a reader', async () => {
    const topic = followers.uniqueTopic();
    const [asked] = cluster.nodes;
    if (asked === undefined) throw new Error('no node');
    const assignments = Array.from({ length: 8 }, (_, partition) => ({ partition, brokers: [2, 3] }));
    const settings = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'retention.ms', value: '3600000' },
      { name: 'min.insync.replicas', value: '2' },
    ];
    await asked.manage(async (admin) =>
      admin.createTopics({ topics: [topic], partitions: -1, replicas: -1, assignments, configs: settings }),
    );
    const follower = followers.connect(cluster.url(topic));
    follower.continues = false;
    await follower.open();
    follower.tail('first');
    await follower.append('a1');
    await follower.reads(['a1']);
    // An operator gives up the promises of the topic.
    await asked.manage(async (admin) =>
      admin.incrementalAlterConfigs({
        resources: [
          {
            resourceType: ConfigResourceTypes.TOPIC,
            resourceName: topic,
            configs: Object.entries({ 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' }).map(
              ([name, value]) => ({ name, value, configOperation: IncrementalAlterConfigOperationTypes.SET }),
            ),
          },
        ],
      }),
    );
    await cluster.node(3).kill();
    await eventually(async () => expect(await cluster.partition(topic, 0, asked)).toEqual({ leader: 2, inSync: [2] }));
    if (follower.interruptions.length > 0) follower.tail('first');
    await eventually(async () => follower.append('a2'));
    await eventually(() => expect(follower.texts()).toEqual(['a1', 'a2']));
    const offset = follower.entries().at(-1)?.offset ?? 0;
    await cluster.node(2).kill();
    await eventually(() => expect(follower.interruptions.length).toBeGreaterThan(0));
    follower.interruptions.length = 0;
    await cluster.node(3).run();
    await eventually(async () => expect((await cluster.partition(topic, 0, asked)).leader).toBe(3), 60_000);
    await eventually(async () => follower.append('b2'), 30_000);
    // The entry is another one, and a reader that continues behind it learns that from the leader.
    expect(await follower.read({ offset }, 1)).toEqual(['b2']);
    follower.adapter.tail(0, { offset: offset + 1 });
    await eventually(() => expect(follower.interruptions).toEqual([{ partition: 0, isCut: true }]));
    await cluster.node(2).run();
  });
});
