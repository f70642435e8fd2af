import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { LogUnavailableError } from '../../src/log/log-adapter.js';
import { PubsubAdapter } from '../../src/pubsub/pubsub-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { FakePubsub } from '../support/pubsub/fake-pubsub.js';
import { grpc } from '../support/pubsub/protocol.js';

const CHANNELS = ['news:1', 'news:2', 'news:3'];
const { status } = grpc;

function gaps(pod: Subscriber | undefined): number[] {
  return CHANNELS.map((channel) => pod?.gaps(channel).length ?? 0);
}

describe('two pods on a fake of Pub/Sub, under load,', () => {
  let fake: FakePubsub;
  const pods: Subscriber[] = [];
  let load: Load;

  const startPod = async (): Promise<Subscriber> => {
    const url = `pubsub://test-project/holdfast?partitions=2&endpoint=127.0.0.1:${fake.port}`;
    const pod = new Subscriber(
      new LogBroker(new PubsubAdapter(() => url, { patience: 500 }), { beaconInterval: 1_000 }),
    );
    await pod.start(CHANNELS);
    pods.push(pod);
    return pod;
  };
  beforeEach(async () => {
    fake = await FakePubsub.start();
    await startPod();
    await startPod();
    load = new Load(pods, CHANNELS);
    load.start();
    await load.flows();
  });
  afterEach(async () => {
    fake.resume();
    await load.stop();
    await Promise.all(pods.splice(0).map(async ({ broker }) => broker.close()));
    expect([...fake.subscriptions.keys()]).toEqual([]);
    fake.stop();
  });

  it('lose and repeat nothing when messages are delivered again', async () => {
    for (let rounds = 0; rounds < 4; rounds += 1) {
      fake.repeat(50);
      await load.flows();
    }
    await load.stop();
    await load.check({ lossless: true });
    expect(pods.flatMap(gaps)).toEqual(Array.from({ length: 6 }, () => 0));
  });

  it('keep the order when messages are late, for each pod by another time', async () => {
    fake.lag = () => Math.random() * 150;
    await load.flows();
    await load.flows();
    fake.lag = () => 0;
    await load.stop();
    await load.check({ lossless: true });
    expect(pods.flatMap(gaps)).toEqual(Array.from({ length: 6 }, () => 0));
  });

  it('only the pod that misses messages receives gaps, and both go on with the same positions', async () => {
    const [, other] = [...fake.subscriptions.values()];
    other?.hold();
    await eventually(() => {
      for (const key of ['0', '1']) expect(other?.waiting.some(({ orderingKey }) => orderingKey === key)).toBe(true);
    });
    other?.purge();
    other?.release();
    await eventually(() => expect(Math.max(...gaps(pods[0]), ...gaps(pods[1]))).toBeGreaterThan(0), 30_000);
    await load.flows();
    await load.stop();
    const withGaps = pods.filter((pod) => gaps(pod).some((count) => count > 0));
    expect(withGaps).toHaveLength(1);
    for (const channel of CHANNELS) {
      const { epoch, offset } = (await pods[0]?.broker.history(channel, { limit: 0 })) ?? {};
      await eventually(() => {
        for (const pod of pods) expect(pod.position(channel)).toEqual({ epoch, offset });
      });
    }
  });

  it('only the pod whose subscription has expired receives gaps', async () => {
    const [name = ''] = fake.subscriptions.keys();
    fake.expire(name);
    await eventually(() => expect(Math.max(...gaps(pods[0]))).toBeGreaterThan(0), 30_000);
    await load.flows();
    await load.stop();
    await load.check();
    expect(gaps(pods[1])).toEqual([0, 0, 0]);
  });

  it('refuse publishes and stay up while a quota is exhausted, then go on without loss', async () => {
    fake.refusal = (method) =>
      method === 'publish' ? { code: status.RESOURCE_EXHAUSTED, details: 'Quota exceeded' } : undefined;
    const [pod] = pods;
    await eventually(async () => {
      await expect(
        pod?.broker.publish({
          channel: 'news:1',
          payload: 'x',
          stream: { historySize: 1, historyTtl: 1_000, positionTtl: 1_000 },
        }),
      ).rejects.toThrow(/quota of Pub\/Sub is exhausted: raise it/);
    });
    fake.refusal = () => undefined;
    await load.flows();
    await load.stop();
    await load.check({ lossless: true });
  });

  it('are down with the missing right in the reason, and up when it is granted', async () => {
    fake.refusal = (method) =>
      method === 'publish' ? { code: status.PERMISSION_DENIED, details: 'User not authorized' } : undefined;
    for (const { broker } of pods) {
      await eventually(() => {
        const reason = 'Pub/Sub refuses the service account: grant it pubsub.topics.publish (User not authorized)';
        expect(broker.health()).toEqual({ status: 'down', reason: expect.stringContaining(reason) });
      });
    }
    fake.refusal = () => undefined;
    await load.flows();
    await load.stop();
    await load.check({ lossless: true });
  });

  it('a third pod takes part with the same positions', async () => {
    const third = await startPod();
    await load.flows();
    await load.stop();
    await load.check({ lossless: true });
    for (const channel of CHANNELS) expect(third.position(channel)).toEqual(pods[0]?.position(channel));
  });
});

describe('a pod on Pub/Sub that cannot begin', () => {
  it.each([
    ['createSubscription', 'grant it pubsub.subscriptions.create, and pubsub.topics.attachSubscription on the topic'],
    [
      'createTopic',
      'create the topic projects/test-project/topics/holdfast, or grant the service account pubsub.topics.create',
    ],
    ['streamingPull', 'grant it pubsub.subscriptions.consume'],
  ])('says which right is missing: %s', async (refused, advice) => {
    const fake = await FakePubsub.start();
    fake.refusal = (method) => (method === refused ? { code: status.PERMISSION_DENIED, details: 'no' } : undefined);
    const url = `pubsub://test-project/holdfast?partitions=1&endpoint=127.0.0.1:${fake.port}`;
    const problems: (string | undefined)[] = [];
    const adapter = new PubsubAdapter(() => url);
    adapter.start({ onEntries: () => {}, onInterrupted: () => {}, onProblem: (reason) => problems.push(reason) });
    try {
      await eventually(async () => {
        const error = await adapter.open(AbortSignal.timeout(2_000)).catch((failure: unknown) => failure);
        expect(error).toBeInstanceOf(LogUnavailableError);
        expect([...problems, String(error)].join()).toContain(advice);
      });
    } finally {
      await adapter.close();
      fake.stop();
    }
  });
});
