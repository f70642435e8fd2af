import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry } from '../../src/log/log-adapter.js';
import type { PlainMessage } from '../../src/plain-messages.js';
import { LogBroker } from '../../src/log/log-broker.js';
import { partitionOf } from '../../src/log/partition-of.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { plainIn } from '../../src/testing/plain.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { NatsServer } from '../support/nats-server.js';

const PARTITIONS = 4;

describe('the inbox of a NATS log', () => {
  let nats: NatsServer;
  let tests = 0;
  let prefix: string;
  let backend: NatsConnection;
  let js: JetStreamClient;
  let pods: LogFollower[];
  let entries: { partition: number; entry: LogEntry }[];

  beforeAll(async () => {
    nats = await NatsServer.start();
  });
  afterAll(async () => nats.close());
  beforeEach(async () => {
    tests += 1;
    prefix = `test${tests}`;
    backend = await connect({ servers: nats.address });
    js = jetstream(backend);
    [pods, entries] = [[], []];
  });
  afterEach(async () => {
    await Promise.all(pods.map(async ({ adapter }) => adapter.close()));
    await backend.close();
  });

  const startPod = async (): Promise<LogFollower> => {
    const url = `${nats.url}?prefix=${prefix}&partitions=${PARTITIONS}`;
    const pod = new LogFollower(new NatsAdapter(() => url, { inbox: true }));
    pods.push(pod);
    return pod.start();
  };
  const follow = (pod: LogFollower): void => {
    pod.onEntries = (partition, read) => entries.push(...read.map((entry) => ({ partition, entry })));
    for (let partition = 0; partition < PARTITIONS; partition += 1) pod.tail('first', partition);
  };
  const publish = async (channel: string, body: string, key?: string): Promise<unknown> => {
    const keyed = headers();
    if (key !== undefined) keyed.set('Holdfast-Key', key);
    return js.publish(`${prefix}.publish.${channel}`, body, { headers: keyed });
  };
  const received = (): { partition: number; plain: PlainMessage | undefined; body: string }[] =>
    entries.map(({ partition, entry: { plain, data } }) => {
      expect(data).toHaveLength(0);
      return { partition, plain, body: Buffer.from(plain?.body ?? []).toString() };
    });
  const bodies = (): string[] => received().map(({ body }) => body);

  it('brings messages into the partitions of their channels, with their keys', async () => {
    follow(await startPod());
    await publish('news:1', '{"n":1}');
    await publish('a.b/c#d', '{"n":2}', 'key 2');
    await eventually(() => expect(entries).toHaveLength(2));
    const byChannel = new Map(received().map((message) => [message.plain?.channel, message]));
    expect(byChannel.get('news:1')).toMatchObject({
      partition: partitionOf('news:1', PARTITIONS),
      plain: { key: undefined },
      body: '{"n":1}',
    });
    expect(byChannel.get('a.b/c#d')).toMatchObject({
      partition: partitionOf('a.b/c#d', PARTITIONS),
      plain: { key: 'key 2' },
      body: '{"n":2}',
    });
  });

  it('accepts messages in the log itself from backends that know the partition', async () => {
    follow(await startPod());
    const to = `${prefix}.log.${partitionOf('news:1', PARTITIONS)}`;
    const plain = headers();
    plain.set('Holdfast-Channel', 'news:1');
    plain.set('Holdfast-Key', 'k1');
    await js.publish(to, '[1]', { headers: plain });
    await eventually(() =>
      expect(received()).toMatchObject([{ plain: { channel: 'news:1', key: 'k1' }, body: '[1]' }]),
    );
  });

  it('keeps the order, and loses and repeats nothing, when pods come and go', async () => {
    const [first] = [await startPod(), await startPod()];
    follow(await startPod());
    const sent = Array.from({ length: 300 }, (_, index) => `${index}`);
    for (const [index, body] of sent.entries()) {
      await publish('news:1', body);
      if (index === 100) await first?.adapter.close();
      if (index === 200) await startPod();
    }
    await eventually(() => expect(bodies()).toHaveLength(sent.length), 20_000);
    expect(bodies()).toEqual(sent);
  });

  it('keeps what is published while no pod runs', async () => {
    await (await startPod()).adapter.close();
    await publish('news:1', '1');
    await publish('news:1', '2');
    follow(await startPod());
    await eventually(() => expect(bodies()).toEqual(['1', '2']));
  });

  it('passes a message that is too large for the log on without its body', async () => {
    const pod = await startPod();
    follow(pod);
    await publish('news:1', 'x'.repeat(pod.adapter.traits.maxEntry));
    await publish('news:1', '2');
    await eventually(() => expect(bodies()).toEqual(['', '2']));
  });

  it('reaches the subscribers of every pod in the same order, and a key is stored once', async () => {
    const plain = plainIn('news', LASTING);
    const url = `${nats.url}?prefix=${prefix}&partitions=${PARTITIONS}`;
    const brokers = [0, 1].map(() => new Pod(new LogBroker(new NatsAdapter(() => url, { inbox: true }), { plain })));
    try {
      for (const pod of brokers) {
        await pod.start();
        await pod.broker.subscribe('news:1', LASTING);
      }
      await publish('news:1', '{ "n": 0 }');
      for (let number = 1; number <= 50; number += 1) await publish('news:1', `${number}`, `key ${number}`);
      await until(() => expect(brokers[0]?.delivered('news:1').at(-1)?.payload).toBe('50'));
      await brokers[0]?.publish('news:1', '"by the gateway"');
      await publish('news:1', 'not JSON');
      await publish('secret:1', '1');
      const again = headers();
      again.set('Holdfast-Channel', 'news:1');
      again.set('Holdfast-Key', 'key 50');
      await js.publish(`${prefix}.log.${partitionOf('news:1', PARTITIONS)}`, '50', { headers: again });
      await publish('news:1', '"last"');
      for (const pod of brokers) {
        await until(() => expect(pod.delivered('news:1').at(-1)?.payload).toBe('"last"'));
        const payloads = pod.delivered('news:1').map(({ payload }) => payload);
        const numbers = payloads.filter((payload) => /^\d+$/.test(payload));
        expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => `${index + 1}`));
        expect(payloads[0]).toBe('{"n":0}');
        expect(payloads).toContain('"by the gateway"');
        await until(() => expect(pod.refused.toSorted()).toEqual(['forbidden secret:1', 'malformed news:1']));
      }
      const [one, other] = brokers.map((pod) =>
        pod.delivered('news:1').map(({ offset, payload }) => [offset, payload]),
      );
      expect(other?.slice(-50)).toEqual(one?.slice(-50));
    } finally {
      await Promise.all(brokers.map(async (pod) => pod.close()));
    }
  });
});
