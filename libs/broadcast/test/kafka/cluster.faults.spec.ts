import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { LogBroker } from '../../src/log/log-broker.js';
import { eventually } from '../../src/testing/eventually.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { KafkaCluster } from '../support/kafka-cluster.js';
import { Followers } from './followers.js';

const CHANNELS = ['news:1', 'news:2', 'news:3', 'news:4', 'news:5', 'news:6'];
const QUIET = 'quiet';
const PARTITIONS = 8;

const followers = new Followers();
let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await KafkaCluster.start();
});
afterAll(async () => {
  await followers.close();
  await cluster.close();
});

/** Two pods under load. */
async function startLoad(topic: string): Promise<{ pods: readonly Subscriber[]; load: Load }> {
  const url = cluster.url(topic, { partitions: `${PARTITIONS}` });
  const pods = [0, 1].map(() => new Subscriber(new LogBroker(new KafkaAdapter(() => url))));
  const load = new Load(pods, CHANNELS);
  onTestFinished(async () => {
    await load.stop();
    await Promise.all(pods.map(async ({ broker }) => broker.close()));
  });
  await Promise.all(pods.map(async (pod) => pod.start([...CHANNELS, QUIET])));
  load.start();
  await load.flows();
  return { pods, load };
}

describe('a leader that has become a follower, and goes on to answer', () => {
  it('is not asked any more by pods that were connected to it', async () => {
    const topic = followers.uniqueTopic();
    const url = cluster.url(topic, { partitions: `${PARTITIONS}` });
    // One that reads on, and one that knows the leader and is idle.
    const [reader, idle] = [followers.connect(url), followers.connect(url)];
    await Promise.all([reader.open(), idle.open()]);
    await cluster.settled(topic);
    await idle.append('a1');
    reader.tail('first');
    await reader.reads(['a1']);
    const former = await cluster.leader(topic, 0);
    await cluster.demote(topic, 0);
    expect(await cluster.leader(topic, 0)).not.toBe(former);
    await eventually(async () => expect(await idle.read('first', 10)).toEqual(['a1']));
    const { next } = await idle.adapter.bounds(0, AbortSignal.timeout(5_000));
    expect(next).toBe(1);
    await eventually(async () => reader.append('a2'));
    await reader.reads(['a1', 'a2']);
    expect(reader.interruptions.some(({ isCut }) => isCut)).toBe(false);
  });
});

describe('two pods on three nodes', () => {
  it('promises 1 to 4: lose nothing when one leader after the other ends, by SIGTERM and by SIGKILL', async ({
    annotate,
  }) => {
    const topic = followers.uniqueTopic();
    const { pods, load } = await startLoad(topic);
    const epochs = pods.map((pod) => pod.position(QUIET)?.epoch);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await cluster.settled(topic);
      const leader = cluster.node(await cluster.leader(topic, 0));
      await leader.kill(signal);
      await load.flows();
      await leader.run();
    }
    await load.flows();
    await load.stop();
    await load.check({ lossless: true });
    for (const pod of pods) expect(pod.gaps(QUIET)).toEqual([]);
    const positions = await Promise.all(pods.map(async ({ broker }) => broker.history(QUIET, { limit: 0 })));
    expect(positions.map(({ epoch }) => epoch)).toEqual(epochs);
    await load.pauses(annotate);
  });

  it('promise 2: receive a gap if a leader is elected that lacks the latest messages', async () => {
    const topic = followers.uniqueTopic();
    await createOnTwoNodes(topic);
    const { pods, load } = await startLoad(topic);
    const reader = followers.connect(cluster.url(topic));
    await reader.open();
    for (let partition = 0; partition < PARTITIONS; partition += 1) reader.tail('first', partition);
    await giveUpPromises(topic);
    await cluster.node(3).kill();
    await eventually(async () => {
      expect(await cluster.partition(topic, 0, cluster.node(1))).toEqual({ leader: 2, inSync: [2] });
    }, 30_000);
    await load.flows();
    // Now node 3 lacks what was acknowledged since.
    await cluster.node(2).kill();
    await cluster.node(3).run();
    await load.flows();
    for (const pod of pods) {
      for (const channel of CHANNELS) await eventually(() => expect(pod.gaps(channel).length).toBeGreaterThan(0));
    }
    await load.stop();
    await load.check();
    expect(reader.interruptions.some(({ isCut }) => isCut)).toBe(true);
  });
});

/** Node 1 is left out: it is needed as a controller. */
async function createOnTwoNodes(topic: string): Promise<void> {
  const assignments = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, brokers: [2, 3] }));
  const configs = [
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
    { name: 'retention.ms', value: '3600000' },
    { name: 'min.insync.replicas', value: '2' },
  ];
  await cluster
    .node(1)
    .manage(async (admin) =>
      admin.createTopics({ topics: [topic], partitions: -1, replicas: -1, assignments, configs }),
    );
}

/** What an operator may do while pods run: acknowledged messages can be lost from now on. */
async function giveUpPromises(topic: string): Promise<void> {
  const configs = Object.entries({ 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' }).map(
    ([name, value]) => ({ name, value, configOperation: IncrementalAlterConfigOperationTypes.SET }),
  );
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs };
  await cluster.node(1).manage(async (admin) => admin.incrementalAlterConfigs({ resources: [resource] }));
}
