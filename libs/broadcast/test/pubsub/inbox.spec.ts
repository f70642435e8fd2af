import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { PubsubAdapter } from '../../src/pubsub/pubsub-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { plainIn } from '../../src/testing/plain.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { FakePubsub } from '../support/pubsub/fake-pubsub.js';
import { grpc } from '../support/pubsub/protocol.js';

const INBOX = 'projects/test-project/topics/holdfast-publish';

function payloads(pod: Pod): string[] {
  return pod.delivered('news:1').map(({ payload }) => payload);
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index + 1}`);
}

describe('the inbox of a log on Pub/Sub', () => {
  let fake: FakePubsub;
  let pods: Pod[];

  beforeEach(async () => {
    fake = await FakePubsub.start();
    pods = [];
    await startPod();
    await startPod();
  });
  afterEach(async () => {
    await Promise.all(pods.map(async (pod) => pod.close()));
    fake.stop();
  });

  async function startPod(): Promise<void> {
    const url = `pubsub://test-project/holdfast?partitions=2&endpoint=127.0.0.1:${fake.port}`;
    const adapter = new PubsubAdapter(() => url, { inbox: true, patience: 100 });
    const pod = new Pod(new LogBroker(adapter, { plain: plainIn('news', LASTING) }));
    pods.push(pod);
    await pod.start();
    await pod.broker.subscribe('news:1', LASTING);
  }

  /** As a backend does. */
  function publish(channel: string, body: string, key?: string): void {
    const attributes = { channel, ...(key !== undefined && { key }) };
    fake.publish(INBOX, { data: Buffer.from(body), attributes, orderingKey: channel });
  }

  it('brings messages to the subscribers of every pod in order, and says which were refused', async () => {
    for (const number of numbers(40)) publish('news:1', number);
    publish('news:1', 'not JSON');
    publish('secret:1', '1');
    for (const pod of pods) {
      await until(() => expect(payloads(pod)).toEqual(numbers(40)));
      await until(() => expect(pod.refused.toSorted()).toEqual(['forbidden secret:1', 'malformed news:1']));
    }
  });

  it('publishes a message once, with and without a key, although it is delivered and forwarded again', async () => {
    publish('news:1', '1', 'key 1');
    publish('news:1', '2');
    for (const pod of pods) await until(() => expect(payloads(pod)).toEqual(['1', '2']));
    publish('news:1', '1', 'key 1');
    fake.repeat(10);
    publish('news:1', '3');
    for (const pod of pods) await until(() => expect(payloads(pod).at(-1)).toBe('3'));
    for (const pod of pods) expect(payloads(pod)).toEqual(['1', '2', '3']);
  });

  it('keeps the order when storing fails in between', async () => {
    let calls = 0;
    fake.refusal = (method) => {
      if (method !== 'publish') return undefined;
      calls += 1;
      return calls % 7 === 0 ? { code: grpc.status.RESOURCE_EXHAUSTED, details: 'Quota exceeded' } : undefined;
    };
    for (const number of numbers(20)) publish('news:1', number);
    for (const pod of pods) await eventually(() => expect(payloads(pod)).toEqual(numbers(20)), 30_000);
    fake.refusal = () => undefined;
  });

  it('keeps what is published while no pod runs', async () => {
    await Promise.all(pods.splice(0).map(async (pod) => pod.close()));
    publish('news:1', '1');
    await startPod();
    const [pod] = pods;
    // It may be stored before the pod has subscribed.
    await until(async () => {
      const { publications } = (await pod?.broker.history('news:1', { limit: 10 })) ?? { publications: [] };
      expect(publications.map(({ payload }) => payload)).toEqual(['1']);
    });
  });
});
