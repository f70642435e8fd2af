import { expect, it } from 'vitest';
import { eventually } from '../../../../libs/broadcast/src/testing/eventually.js';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import type { BackendPublish } from './backends/run.js';
import { configFile, PodProcess } from './pod-process.js';
import type { TestClient } from './test-client.js';

const CHANNEL = 'news:1';
const CLOSED = 'chat:1';

export interface PlainServer {
  /** The broker's URL for the gateway: of a broker that shows nothing of other tests. */
  readonly url: string;
  readonly publish: BackendPublish;
}

/**
 * Defines the test of what backends publish by the broker itself; each broker calls it in a `*.spec.ts`. It is one test, because
 * processes are slow to start.
 *
 * @param messages how many are published while a pod is killed.
 */
export function describePlainPublish(
  client: string,
  open: () => PlainServer | Promise<PlainServer>,
  messages = 100,
): void {
  it(
    `promises 1, 2 and 4: what a backend publishes with ${client} is like any other message, also when a pod is killed; what is refused reaches nobody`,
    { timeout: 240_000 },
    async () => {
      const { url, publish } = await open();
      // The pod that was started first forwards what backends publish, or one of both.
      const doomed = await start(url, 'doomed');
      const survivor = await start(url, 'survivor');
      const clients = [await doomed.pod.connect(), await survivor.pod.connect()] as const;
      for (const one of clients) for (const channel of [CHANNEL, CLOSED]) await one.subscribe(channel);

      await publish([
        { channel: CHANNEL, body: '{ "text": "ä" }' },
        { channel: CHANNEL, body: '{"text":' },
        { channel: CLOSED, body: '"secret"' },
        { channel: CHANNEL, body: '2', key: 'order-17' },
        { channel: CHANNEL, body: '2', key: 'order-17' },
        { channel: CHANNEL, body: '3', key: 'order-17' },
        { channel: CHANNEL, body: '"last"' },
      ]);
      for (const one of clients) await received(one, 3);
      await survivor.pod.api('publish', { channel: CHANNEL, data: 2, key: 'order-17' });
      for (const one of clients) {
        await received(one, 4);
        const common = { channel: CHANNEL, time: expect.any(Number) as number };
        expect(one.of('message').map(({ data }) => data)).toEqual([
          { ...common, offset: 1, data: { text: 'ä' } },
          { ...common, offset: 2, data: 2, key: 'order-17' },
          { ...common, offset: 3, data: 'last' },
          // A key of the API is another one.
          { ...common, offset: 4, data: 2, key: 'order-17' },
        ]);
      }
      const frames = clients.map(({ texts }) => texts.filter((text) => text.startsWith('{"event":"message"')));
      expect(frames[1]).toEqual(frames[0]);
      await eventually(async () => {
        const [here, there] = [await doomed.refusals(), await survivor.refusals()];
        for (const reason of ['malformed', 'forbidden', 'key_conflict']) {
          expect(Math.max(here.get(reason) ?? 0, there.get(reason) ?? 0), reason).toBe(1);
        }
      });
      const logs = [doomed, survivor].map(({ pod }) => pod.process.output()).join('');
      expect(logs).toContain('refused a message that a backend published through the broker');
      expect(logs).not.toContain('secret');

      const [, subscriber] = clients;
      const numbers = Array.from({ length: messages }, (_, number) => number);
      const all = numbers.map((number) => ({ channel: CHANNEL, body: `${number}`, key: `key-${number}` }));
      const published = publish(all);
      await received(subscriber, 5);
      await doomed.pod.process.stop('SIGKILL');
      await published;
      await received(subscriber, 4 + messages);
      await publish([{ channel: CHANNEL, body: '"end"' }]);
      await received(subscriber, 5 + messages);
      const later = subscriber.of('message').slice(4);
      expect(later.map(({ data }) => data['data'])).toEqual([...numbers, 'end']);
      expect(subscriber.offsets(CHANNEL)).toEqual(Array.from({ length: 5 + messages }, (_, index) => index + 1));
      expect(subscriber.of('gap')).toEqual([]);
    },
  );
}

/** The other pod takes over when the lease of the one that was killed has ended. */
async function received(client: TestClient, count: number): Promise<void> {
  await eventually(() => expect(client.offsets(CHANNEL).length).toBeGreaterThanOrEqual(count), 60_000);
}

async function start(url: string, node: string) {
  const management = await freePort();
  const pod = await PodProcess.start(url, node, {
    HOLDFAST_CONFIG: await configFile({ namespaces: { news: { brokerPublish: true } } }),
    HOLDFAST_MANAGEMENT_PORT: `${management}`,
  });
  /** How many messages were refused for each reason. */
  const refusals = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await (await fetch(`http://127.0.0.1:${management}/metrics`)).text();
    const lines = text.matchAll(/^holdfast_plain_messages_refused_total\{reason="(\w+)"\} (\d+)$/gm);
    return new Map([...lines].map(([, reason = '', count]) => [reason, Number(count)]));
  };
  return { pod, refusals };
}
