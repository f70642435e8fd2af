import { connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { partitionOf } from '../../src/log/partition-of.js';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { numbers } from '../../src/testing/log-adapter.contract.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { plainIn } from '../../src/testing/plain.js';
import { LASTING, Pod as BrokerPod } from '../../src/testing/pod.js';
import type { LogEntry } from '../../src/log/log-adapter.js';
import { RabbitServer } from '../support/rabbitmq-server.js';
import { SilentProxy } from '../support/silent-proxy.js';

const PARTITIONS = 4;
const CHANNELS = ['news:1', 'news:2', 'news:3'];

/** What plain messages a pod has read, as lines for each channel. */
class Pod extends LogFollower {
  readonly #lines = new Map<string, string[]>();

  lines(channel: string): readonly string[] {
    return this.#lines.get(channel) ?? [];
  }

  override onEntries(partition: number, entries: readonly LogEntry[]): void {
    super.onEntries(partition, entries);
    for (const { plain, data } of entries) {
      if (plain === undefined) continue;
      expect(data).toHaveLength(0);
      expect(partition).toBe(partitionOf(plain.channel, PARTITIONS));
      const own = this.#lines.get(plain.channel) ?? [];
      this.#lines.set(plain.channel, own);
      own.push(`${plain.key ?? '-'} ${Buffer.from(plain.body).toString()}`);
    }
  }
}

let server: RabbitServer;
let prefix = '';
let logs = 0;
const pods: Pod[] = [];

beforeAll(async () => {
  server = await RabbitServer.start();
});
afterAll(async () => server.close());
afterEach(async () => {
  await Promise.all(pods.splice(0).map(async ({ adapter }) => adapter.close()));
  await server.deleteQueues(`${prefix}.`);
  prefix = '';
});

async function startPod(address = `127.0.0.1:${server.port}`): Promise<Pod> {
  if (prefix === '') prefix = `test${(logs += 1)}`;
  const pod = new Pod(
    new RabbitAdapter(() => `amqp://${address}?prefix=${prefix}&partitions=${PARTITIONS}`, { inbox: true }),
  );
  pods.push(pod);
  await pod.start();
  for (let partition = 0; partition < PARTITIONS; partition += 1) pod.tail('first', partition);
  return pod;
}

/** As a backend does, with a user that may do nothing else. */
async function publish(count: number, from = 1): Promise<void> {
  await server.putUser('backend', 'hunter2', '^$', `^${prefix}\\.publish$`);
  const connection = await connect(server.url.replace('amqp://', 'amqp://backend:hunter2@'));
  try {
    const channel = await connection.createConfirmChannel();
    for (let number = from; number < from + count; number += 1) {
      for (const name of CHANNELS) {
        channel.publish(`${prefix}.publish`, name, Buffer.from(`{"n":${number}}`), { messageId: `k${number}` });
      }
    }
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}

function lines(count: number): string[] {
  return numbers('', count).map((number) => `k${number} {"n":${number}}`);
}

it('what backends publish to the exchange is in the log of its channel, in order and once', async () => {
  const [here, there] = [await startPod(), await startPod()];
  await publish(200);
  for (const pod of [here, there]) {
    for (const name of CHANNELS) await eventually(() => expect(pod.lines(name)).toEqual(lines(200)));
  }
});

it('a message needs no key, and any client can publish it', async () => {
  const here = await startPod();
  const message = { routing_key: 'news:1', payload: '"x"', payload_encoding: 'string', properties: {} };
  const routed = await server.manage('POST', `exchanges/%2F/${prefix}.publish/publish`, message);
  expect(routed).toEqual({ routed: true });
  await eventually(() => expect(here.lines('news:1')).toEqual(['- "x"']));
});

it('when the pod that forwards messages ends, another one continues; without any, messages wait', async () => {
  const [here, there] = [await startPod(), await startPod()];
  await publish(20);
  await eventually(() => expect(there.lines('news:1')).toEqual(lines(20)));
  await here.adapter.close();
  await publish(20, 21);
  await eventually(() => expect(there.lines('news:1')).toEqual(lines(40)));
  await there.adapter.close();
  await publish(20, 41);
  const late = await startPod();
  for (const name of CHANNELS) await eventually(() => expect(late.lines(name)).toEqual(lines(60)));
});

it('connections that are lost while messages are forwarded lose none, and keep their order', async () => {
  const proxy = await SilentProxy.start(server.port);
  try {
    const [here, there] = [await startPod(proxy.address), await startPod(proxy.address)];
    for (let round = 0; round < 3; round += 1) {
      const published = publish(300, round * 300 + 1);
      await eventually(() => expect(here.lines('news:2').length).toBeGreaterThan(round * 300));
      proxy.restore();
      await published;
      await eventually(() => expect(here.problem).toBeUndefined());
      for (const pod of [here, there]) {
        await pod.open();
        // What is forwarded twice is dropped by its key, which is the engine's work.
        await eventually(() => expect([...new Set(pod.lines('news:2'))]).toEqual(lines((round + 1) * 300)));
      }
    }
    expect(here.interruptions.length).toBeGreaterThan(2);
  } finally {
    await proxy.close();
  }
});

it('promise 4: what backends publish twice under a key is delivered once, to every pod with the same offsets', async () => {
  prefix = `test${(logs += 1)}`;
  const url = `${server.url}?prefix=${prefix}&partitions=${PARTITIONS}`;
  const plain = plainIn('news', LASTING);
  const brokers = [1, 2].map(
    () => new BrokerPod(new LogBroker(new RabbitAdapter(() => url, { inbox: true }), { plain })),
  );
  try {
    for (const pod of brokers) {
      await pod.start();
      for (const name of CHANNELS) await pod.broker.subscribe(name, LASTING);
    }
    await publish(1, 0);
    await publish(50);
    await publish(50);
    await publish(1, 51);
    const expected = Array.from({ length: 52 }, (_, n) => ({ offset: n + 1, payload: `{"n":${n}}` }));
    for (const pod of brokers) {
      for (const name of CHANNELS) {
        await eventually(() =>
          expect(pod.delivered(name).map(({ offset, payload }) => ({ offset, payload }))).toEqual(expected),
        );
      }
    }
  } finally {
    await Promise.all(brokers.map(async (pod) => pod.close()));
  }
});
