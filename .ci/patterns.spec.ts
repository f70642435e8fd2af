import { Holdfast, type Json } from '@holdfast/client';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parse } from 'yaml';
import { API_KEY, startGateway, type TestGateway } from '../apps/gateway/test/support/gateway.js';
import { signToken } from '../apps/gateway/test/support/tokens.js';
import { EXAMPLES } from './doc-examples.js';

/** The settings of all patterns together, and the one that the page describes in words. */
const namespaces: Record<string, object> = { '@': { publish: 'subscribers', history: { size: 500, ttl: 86_400 } } };
for (const { page, language, text } of EXAMPLES) {
  if (page !== 'docs/patterns.md' || language !== 'yaml') continue;
  Object.assign(namespaces, (parse(text) as { namespaces: object }).namespaces);
}

/** Subscribes, and collects what is received. */
async function follow(client: Holdfast, channel: string, last?: number): Promise<Json[]> {
  const received: Json[] = [];
  await client.subscribe(channel, { message: ({ data }) => void received.push(data), gap: () => {} }, { last }).ready;
  return received;
}

/** A piece of an answer, with its key. */
function piece(number: number): object {
  return { channel: 'answer:17', data: { piece: `${number} ` }, key: `17-${number}` };
}

/** Publishes like a backend. */
async function post({ url }: TestGateway, path: string, body: object): Promise<void> {
  const response = await fetch(`${url}/api/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

describe('the settings of docs/patterns.md, in production', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startGateway({ namespaces }, { NODE_ENV: 'production', HOLDFAST_ANONYMOUS: 'false' });
  });

  async function connect(user: string, ...channels: string[]): Promise<Holdfast> {
    const client = new Holdfast(gateway.webSocketUrl, { token: await signToken({ sub: user, channels }) });
    onTestFinished(() => client.close());
    return client;
  }

  it.each(['chat:lobby', 'cursor:board-7', 'typing:lobby'])('who may read %s may write to it', async (channel) => {
    const [ann, bob] = [await connect('ann', 'chat:*', 'cursor:*'), await connect('bob', 'chat:*', 'cursor:*')];
    await follow(ann, channel);
    const received = await follow(bob, channel);
    await ann.publish(channel, { from: 'ann' });
    await vi.waitFor(() => expect(received).toEqual([{ from: 'ann' }]));
  });

  it('a notification and what a tab publishes reach all tabs of a user, and nobody else', async () => {
    const [tab, other, bob] = [await connect('ann'), await connect('ann'), await connect('bob')];
    const received = [await follow(tab, '@me'), await follow(other, '@me')];
    const elsewhere = await follow(bob, '@me');
    await post(gateway, 'users/ann/publish', { data: { id: 'n-17' }, key: 'n-17' });
    await tab.publish('@me', { readUpTo: 4711 });
    for (const each of received) await vi.waitFor(() => expect(each).toEqual([{ id: 'n-17' }, { readUpTo: 4711 }]));
    expect(elsewhere).toEqual([]);
  });

  it('a dashboard begins with the latest value', async () => {
    for (const visitors of [1, 2, 3]) await post(gateway, 'publish', { channel: 'metrics:shop', data: { visitors } });
    const received = await follow(await connect('ann'), 'metrics:shop', 1);
    await vi.waitFor(() => expect(received).toEqual([{ visitors: 3 }]));
  });

  it('an answer of a model continues after an interruption', async () => {
    const client = await connect('ann', 'answer:*');
    const received = await follow(client, 'answer:17', 1000);
    await post(gateway, 'publish', piece(1));
    await client.disconnect();
    await post(gateway, 'publish', piece(2));
    await post(gateway, 'publish', piece(2));
    client.connect();
    await post(gateway, 'publish', piece(3));
    await vi.waitFor(() => expect(received).toEqual([{ piece: '1 ' }, { piece: '2 ' }, { piece: '3 ' }]));
  });
});
