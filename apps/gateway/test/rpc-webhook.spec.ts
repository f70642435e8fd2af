import { Holdfast } from '@holdfast/client';
import { errorData, type Json } from '@holdfast/protocol';
import { Module } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Backend } from './support/backend.js';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, testConfig } from './support/gateway.js';
import { json, type HttpServer } from './support/http-server.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import type { TestClient } from './support/test-client.js';

const UNAVAILABLE = errorData('unavailable');
const UNKNOWN = errorData('unknown');

@WebSocketGateway()
class StockGateway {
  @SubscribeMessage('stock.count')
  count(@MessageBody() { item }: { item: string }): object {
    if (item === 'unicorn') throw new WsException({ message: 'not a product', data: { item } });
    if (item === 'circle') throw new WsException({ message: 'a bug', data: { big: 1n } });
    return { item, count: 7 };
  }
}

@Module({ providers: [StockGateway] })
class StockModule {}

/** A gateway that sends calls to this backend. */
function start(backend: Backend, { file = {}, ...rpc }: { file?: object; [name: string]: unknown } = {}) {
  return startGateway(
    // The limits of one user are tested elsewhere.
    { limits: { userFrames: NO_LIMITS.userFrames }, webhooks: { rpc: { url: backend.url, ...rpc } }, ...file },
    { HOLDFAST_WEBHOOK_SECRET: backend.secrets.join() },
    StockModule,
  );
}

let lastId = 0;

/** The data of the reply; rejects with that of the error. */
async function call(client: TestClient, event: string, data?: Json): Promise<unknown> {
  const id = `call-${(lastId += 1)}`;
  client.send({ event, id, data });
  const answer = await client.answer(id);
  // oxlint-disable-next-line typescript/only-throw-error -- tests compare the error that the gateway sent
  if (answer.event === 'error') throw answer.data;
  return answer.data;
}

/** Calls that are expected to fail, as fast as the client can, with at most 300 unanswered. */
function flood(client: TestClient): void {
  void (async () => {
    for (let n = 0; client.webSocket.readyState === client.webSocket.OPEN; n += 1) {
      client.send({ event: 'orders.create', id: `flood-${n}`, data: 'evil' });
      if (n % 300 === 0) await call(client, 'ping').catch(() => undefined);
    }
  })();
}

async function outcomes(client: TestClient, times: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < times; n += 1) {
    const outcome = await call(client, 'orders.create', n).then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

describe('a call', () => {
  it('is sent to the backend, signed, if no handler of the gateway answers it', async () => {
    const backend = await Backend.start(({ data: { data } }) => ({ data: { got: data } }));
    const gateway = await start(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    expect(await call(ann, 'orders.create', { item: 'tea' })).toEqual({ got: { item: 'tea' } });
    expect(backend.requests).toEqual([
      {
        type: 'rpc',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        data: {
          client: ann.welcome.client,
          user: 'ann',
          event: 'orders.create',
          data: { item: 'tea' },
          node: 'test-node',
        },
      },
    ]);
    expect(backend.unsigned).toBe(0);
    const guest = await gateway.connect();
    expect(await call(guest, 'who')).toEqual({});
    expect(backend.requestsOf('rpc')[1]).toEqual({ client: guest.welcome.client, event: 'who', node: 'test-node' });
    await expect.poll(() => metric(gateway, 'holdfast_rpcs_total{outcome="answered"}')).toBe(2);
  });

  it('is answered by a handler of the gateway before the backend, with the data of its refusals', async () => {
    const backend = await Backend.start();
    const client = new Holdfast((await start(backend)).webSocketUrl);
    onTestFinished(() => client.close());
    await expect(client.call('stock.count', { item: 'tea' })).resolves.toEqual({ item: 'tea', count: 7 });
    await expect(client.call('stock.count', { item: 'unicorn' })).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('not a product'),
      retryable: false,
      data: { item: 'unicorn' },
    });
    // A refusal that JSON cannot represent is a bug of the handler.
    await expect(client.call('stock.count', { item: 'circle' })).rejects.toMatchObject({ code: 'internal' });
    expect(backend.requests).toEqual([]);
  });

  it.each<[string, object, unknown]>([
    ['nothing', {}, {}],
    ['null', { data: null }, null],
    ['a number', { data: 7 }, 7],
    ['a list', { data: [1] }, [1]],
  ])('returns %s if the backend does', async (_name, answer, data) => {
    const gateway = await start(await Backend.start(() => answer));
    expect(await call(await gateway.connect(), 'a')).toEqual(data);
  });

  it('that the backend refuses is an error with its message and data', async () => {
    const backend = await Backend.start(() => ({ error: { message: 'sold out', data: { left: 0 } } }));
    const gateway = await start(backend);
    const client = await gateway.connect();
    expect(await refusal(call(client, 'orders.create'))).toEqual(
      errorData('refused', 'sold out', { data: { left: 0 } }),
    );
    await expect.poll(() => metric(gateway, 'holdfast_rpcs_total{outcome="refused"}')).toBe(1);
    // Clients can make up any number of names.
    await expect.poll(() => metric(gateway, 'holdfast_refused_requests_total{event="call",code="refused"}')).toBe(1);
  });

  it('without an id is carried out without a reply', async () => {
    const backend = await Backend.start();
    const client = await (await start(backend)).connect();
    client.send({ event: 'viewed', data: 1 });
    await vi.waitFor(() => expect(backend.requestsOf('rpc')).toHaveLength(1));
    await client.request('ping');
    expect(client.frames.map(({ event }) => event)).toEqual(['welcome', 'reply']);
  });

  it.each(['message', 'reply', 'error', 'welcome', 'two words', '', 'x'.repeat(65), 'naïve', 'constructor\n'])(
    'of an event that must not be one, %j, is unknown',
    async (event) => {
      const backend = await Backend.start();
      const client = await (await start(backend)).connect();
      expect(await refusal(call(client, event))).toEqual(errorData('unknown_event'));
      expect(backend.requests).toEqual([]);
    },
  );

  it('is unknown if no backend is configured', async () => {
    const client = await (await startGateway()).connect();
    expect(await refusal(call(client, 'orders.create'))).toEqual(errorData('unknown_event'));
  });

  it('does not wait for slow ones, unless their data names the same channel', async () => {
    const answers = new Map<unknown, () => void>();
    const backend = await Backend.start(
      ({ data: { data } }) => new Promise((resolve) => answers.set((data as { n: number }).n, () => resolve({ data }))),
    );
    const client = await (await start(backend)).connect();
    const [first, second] = [call(client, 'a', { n: 1 }), call(client, 'a', { n: 2 })];
    const [third, fourth] = [call(client, 'a', { n: 3, channel: 'c' }), call(client, 'a', { n: 4, channel: 'c' })];
    await vi.waitFor(() => expect(new Set(answers.keys())).toEqual(new Set([1, 2, 3])));
    answers.get(2)?.();
    await expect(second).resolves.toEqual({ n: 2 });
    answers.get(3)?.();
    await expect(third).resolves.toMatchObject({ n: 3 });
    await vi.waitFor(() => expect(answers.has(4)).toBe(true));
    for (const n of [1, 4]) answers.get(n)?.();
    await Promise.all([first, fourth]);
  });

  it('counts as several frames of its user', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend, { file: { limits: { userFrames: { burst: 60, perSecond: 60 } } } });
    const client = await connectAs(gateway, { sub: 'ann' });
    const calls = Promise.all(Array.from({ length: 20 }, () => call(client, 'a')));
    await expect.poll(() => metric(gateway, 'holdfast_limited_total{limit="user_frames"}')).toBeGreaterThan(0);
    await calls;
  });
});

describe('a backend', () => {
  const faults: Record<string, HttpServer['answer']> = {
    'that is slow': () => undefined,
    'that fails': (response) => json(response, { data: 1 }, 500),
    'that cuts the connection': (response) => void response.destroy(),
    'that returns invalid JSON': (response) => void response.end('<html>'),
    'whose answer has another form': (response) => json(response, { result: 1 }),
    'whose answer is both': (response) => json(response, { data: 1, error: {} }),
  };

  it.each(Object.entries(faults))('%s makes the call unknown', async (_what, fault) => {
    const backend = await Backend.start();
    backend.fault = fault;
    const gateway = await start(backend, { timeout: 0.2 });
    expect(await refusal(call(await gateway.connect(), 'orders.create'))).toEqual(UNKNOWN);
    await expect.poll(() => metric(gateway, 'holdfast_rpcs_total{outcome="failed"}')).toBe(1);
  });

  it('that cannot be reached makes calls unavailable, pauses requests, and is used again when it is back', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend);
    const client = await connectAs(gateway, { sub: 'ann' });
    const isOpen = (): Promise<number | undefined> => metric(gateway, 'holdfast_rpc_breaker_open');
    await backend.server.stop();
    await vi.waitFor(async () => {
      expect(await refusal(call(client, 'a'))).toEqual(UNAVAILABLE);
      expect(await isOpen()).toBe(1);
    });
    await backend.server.resume();
    await vi.waitFor(() => call(client, 'a'), { timeout: 20_000, interval: 100 });
    expect(await isOpen()).toBe(0);
  });

  it('that fails for one user, however often, is used for others', async () => {
    const backend = await Backend.start();
    backend.fault = (response, { body }) =>
      body.includes('"evil"') ? json(response, {}, 500) : json(response, { data: 1 });
    const gateway = await start(backend);
    const good = await connectAs(gateway, { sub: 'good' });
    flood(await connectAs(gateway, { sub: 'bad' }));
    await vi.waitFor(async () =>
      expect(await metric(gateway, 'holdfast_rpcs_total{outcome="rejected"}')).toBeGreaterThan(200),
    );
    expect(await outcomes(good, 50)).toEqual({ answered: 50 });
    expect(await metric(gateway, 'holdfast_rpc_breaker_open')).toBe(0);
  });

  it('gets a limited number of requests at once, and not all of them from one user', async () => {
    const answers: (() => void)[] = [];
    const backend = await Backend.start(() => new Promise((resolve) => answers.push(() => resolve({}))));
    const gateway = await start(backend, { concurrency: 2, timeout: 30 });
    const client = await connectAs(gateway, { sub: 'ann' });
    const calls = Array.from({ length: 11 }, () => call(client, 'a'));
    const settled = Promise.allSettled(calls);
    // Two in progress, and eight wait.
    expect(await Promise.race(calls.map((one) => refusal(one)))).toEqual(UNAVAILABLE);
    for (let n = 0; n < 10; n += 1) {
      await vi.waitFor(() => expect(answers.length).toBeGreaterThan(n));
      expect(answers.length).toBeLessThanOrEqual(n + 2);
      answers[n]?.();
    }
    expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });
});

it('requests to the backend require a secret', () => {
  expect(() => testConfig({ webhooks: { rpc: { url: 'http://backend.test/' } } })).toThrow('HOLDFAST_WEBHOOK_SECRET');
});
