import { Holdfast } from '@holdfast/client';
import { CLOSE, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Backend } from './support/backend.js';
import { connectAs } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { json } from './support/http-server.js';
import { metric } from './support/metric.js';
import { TestClient } from './support/test-client.js';
import { startTcpProxy } from './support/tcp-proxy.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

const CHANNEL = 'room:1';

interface SentEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: { readonly client?: string; readonly user?: string; readonly channel?: string };
}

/** All events that the backend received, in order. */
function eventsOf({ requests }: Backend): SentEvent[] {
  return requests.flatMap(({ data }) => data['events'] as SentEvent[]);
}

/** One line per event: its type, and the channel, user or client. */
function linesOf(backend: Backend): string[] {
  return eventsOf(backend).map(({ type, data: { user, client, channel } }) => `${type} ${channel ?? user ?? client}`);
}

function env({ secrets, url }: Backend): NodeJS.ProcessEnv {
  return { HOLDFAST_WEBHOOK_SECRET: secrets.join(), HOLDFAST_EVENTS_URL: url };
}

/** Reports at once, with a short grace time. */
function settings(events: object = {}, grace = 0.1): object {
  return { presence: { grace }, webhooks: { events: { maxDelay: 0, ...events } } };
}

async function start(backend: Backend, events: object = {}): Promise<TestGateway> {
  return startGateway(settings(events), env(backend));
}

async function expectEvents(backend: Backend, ...lines: string[]): Promise<void> {
  await vi.waitFor(() => expect(linesOf(backend)).toEqual(lines));
}

describe('the event webhook', () => {
  it('reports clients that connect and disconnect, signed, each with a time and an id', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend);
    const before = Date.now();
    const ann = await connectAs(gateway, { sub: 'ann' });
    const guest = await gateway.connect();
    await expectEvents(backend, 'client.connected ann', `client.connected ${guest.welcome.client}`);
    await ann.close();
    guest.webSocket.terminate();
    await vi.waitFor(() => expect(eventsOf(backend)).toHaveLength(4));
    expect(linesOf(backend).slice(2)).toEqual([
      'client.disconnected ann',
      `client.disconnected ${guest.welcome.client}`,
    ]);

    const events = eventsOf(backend);
    expect(events[0]).toEqual({
      id: expect.stringMatching(/^msg_/),
      type: 'client.connected',
      timestamp: expect.any(String),
      data: { client: ann.welcome.client, user: 'ann' },
    });
    expect(new Set(events.map(({ id }) => id)).size).toBe(4);
    for (const { timestamp } of events) {
      expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(timestamp)).toBeLessThanOrEqual(Date.now());
    }
    expect(backend.unsigned).toBe(0);
    expect(backend.requests[0]).toMatchObject({ type: 'events', data: { node: 'test-node' } });
    await vi.waitFor(async () => expect(await metric(gateway, 'holdfast_events_total{outcome="sent"}')).toBe(4));
  });

  it('reports when a channel gets its first subscriber, and when it has had none for a while', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend, { types: ['channel.occupied', 'channel.vacated'] });
    const [one, two] = [await gateway.connect(), await gateway.connect()];
    await one.subscribe(CHANNEL);
    await two.subscribe(CHANNEL);
    await one.request('unsubscribe', { channel: CHANNEL });
    await two.request('unsubscribe', { channel: CHANNEL });
    // Within the grace time.
    await one.subscribe(CHANNEL);
    await one.subscribe('room:2');
    await one.request('unsubscribe', { channel: 'room:2' });
    await expectEvents(backend, `channel.occupied ${CHANNEL}`, 'channel.occupied room:2', 'channel.vacated room:2');
    await one.close();
    await vi.waitFor(() => expect(linesOf(backend)).toHaveLength(4));
    expect(linesOf(backend)[3]).toBe(`channel.vacated ${CHANNEL}`);
    await two.subscribe(CHANNEL);
    await vi.waitFor(() => expect(linesOf(backend).at(-1)).toBe(`channel.occupied ${CHANNEL}`));
  });

  it('reports only the configured types', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend, { types: ['client.disconnected'] });
    const ann = await connectAs(gateway, { sub: 'ann' });
    await ann.subscribe(CHANNEL);
    await ann.close();
    await expectEvents(backend, 'client.disconnected ann');
    expect(backend.requests).toHaveLength(1);
  });

  it('does not report refused clients', async () => {
    const backend = await Backend.start();
    const gateway = await startGateway(settings(), { ...env(backend), HOLDFAST_ANONYMOUS: 'false' });
    const refused = new TestClient(new WebSocket(gateway.webSocketUrl, [SUBPROTOCOL, 'bearer.nonsense']));
    expect(await refused.closed).toMatchObject({ code: CLOSE.unauthorized.code });
    const ann = await connectAs(gateway, { sub: 'ann' });
    await ann.close();
    await expectEvents(backend, 'client.connected ann', 'client.disconnected ann');
  });
});

describe('in a cluster', () => {
  it('a client that moves to another pod is not reported, and neither are the channels that move with it', async () => {
    const backend = await Backend.start();
    const [here, there] = await startGatewaysOnOneBroker([env(backend), env(backend)], settings({}, 1));
    if (here === undefined || there === undefined) throw new Error('expected two gateways');
    const first = await connectAs(here, { sub: 'ann' });
    await first.subscribe(CHANNEL);
    await expectEvents(backend, 'client.connected ann', `channel.occupied ${CHANNEL}`);

    const second = await connectAs(there, { sub: 'ann' }, first.welcome.session);
    await second.subscribe(CHANNEL);
    await first.close();
    // The connection breaks, and the client returns within the grace time.
    second.webSocket.terminate();
    const third = await connectAs(here, { sub: 'ann' }, first.welcome.session);
    await third.subscribe(CHANNEL);
    const other = await connectAs(there, { sub: 'bob' });
    await other.subscribe(CHANNEL);
    await other.close();
    await vi.waitFor(() => expect(linesOf(backend).at(-1)).toBe('client.disconnected bob'));
    await third.close();
    await vi.waitFor(() => expect(linesOf(backend).at(-1)).toBe(`channel.vacated ${CHANNEL}`));
    expect(linesOf(backend)).toEqual([
      'client.connected ann',
      `channel.occupied ${CHANNEL}`,
      'client.connected bob',
      'client.disconnected bob',
      'client.disconnected ann',
      `channel.vacated ${CHANNEL}`,
    ]);
  });

  it('a drain causes no events, because clients with the library move', async () => {
    const backend = await Backend.start();
    const drain = { HOLDFAST_DRAIN_SECONDS: '1.5' };
    const [here, there] = await startGatewaysOnOneBroker(
      [
        { ...env(backend), ...drain },
        { ...env(backend), ...drain },
      ],
      settings({}, 0.5),
    );
    if (here === undefined || there === undefined) throw new Error('expected two gateways');
    const proxy = await startTcpProxy(here.port);
    const clients = Array.from({ length: 5 }, () => new Holdfast(`ws://127.0.0.1:${proxy.port}/ws`));
    onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))));
    const moves = clients.map((client) => new Promise<void>((resolve) => client.on('moved', () => resolve())));
    await Promise.all(
      clients.map((client) => client.subscribe(CHANNEL, { message: () => undefined, gap: () => undefined }).ready),
    );
    await vi.waitFor(() => expect(eventsOf(backend)).toHaveLength(6));
    proxy.target = there.port;
    await here.close();
    await Promise.all(moves);
    const last = await connectAs(there, { sub: 'last' });
    await last.close();
    await vi.waitFor(() => expect(linesOf(backend).at(-1)).toBe('client.disconnected last'));
    expect(linesOf(backend).slice(6)).toEqual(['client.connected last', 'client.disconnected last']);
  });

  it('a draining pod does not report clients that may return elsewhere: the others do when its lease expires', async () => {
    const backend = await Backend.start();
    const gateway = await startGateway(settings({}, 0.05), { ...env(backend), HOLDFAST_DRAIN_SECONDS: '1.5' });
    const [leaves, stays] = [await connectAs(gateway, { sub: 'leaves' }), await connectAs(gateway, { sub: 'stays' })];
    await leaves.subscribe(CHANNEL);
    const before = ['client.connected leaves', 'client.connected stays', `channel.occupied ${CHANNEL}`];
    await expectEvents(backend, ...before);
    const closed = gateway.close();
    await leaves.next('reconnect');
    await leaves.close();
    await closed;
    expect(await stays.closed).toMatchObject({ code: CLOSE.restart.code });
    expect(linesOf(backend)).toEqual(before);
  });
});

describe('a backend that is slow or unavailable', () => {
  it('delays no client, and receives all events later, once and in order', async () => {
    const backend = await Backend.start();
    backend.fault = (response) => json(response, {}, 503);
    const gateway = await start(backend, { maxBatch: 2 });
    const clients: TestClient[] = [];
    for (let index = 0; index < 5; index += 1) clients.push(await connectAs(gateway, { sub: `user-${index}` }));
    const [publisher, ...subscribers] = clients;
    for (const client of subscribers) await client.subscribe(CHANNEL);
    await publisher?.publish(CHANNEL, 'hello');
    for (const client of subscribers) await vi.waitFor(() => expect(client.offsets(CHANNEL)).toEqual([1]));

    await vi.waitFor(() => expect(backend.requests.length).toBeGreaterThanOrEqual(2));
    const failed = backend.server.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(failed).size).toBe(1);
    expect(backend.requests[1]?.data).toEqual(backend.requests[0]?.data);
    await expect.poll(() => metric(gateway, 'holdfast_events_waiting')).toBeGreaterThan(0);

    backend.requests.length = 0;
    backend.fault = undefined;
    await expectEvents(
      backend,
      ...clients.map((_, index) => `client.connected user-${index}`),
      `channel.occupied ${CHANNEL}`,
    );
    for (const { data } of backend.requests) expect((data['events'] as unknown[]).length).toBeLessThanOrEqual(2);
    await expect.poll(() => metric(gateway, 'holdfast_event_requests_failed_total')).toBeGreaterThanOrEqual(2);
    expect(await metric(gateway, 'holdfast_events_total{outcome="dropped"}')).toBeUndefined();
  });

  it.each<[string, Backend['fault']]>([
    ['never answers', () => undefined],
    ['cuts the connection', (response) => void response.destroy()],
    ['redirects', (response) => void response.writeHead(308, { Location: '/other' }).end()],
  ])('because it %s is tried again', async (_how, fault) => {
    const backend = await Backend.start();
    backend.fault = fault;
    const gateway = await start(backend, { timeout: 0.2 });
    await connectAs(gateway, { sub: 'ann' });
    await vi.waitFor(() => expect(backend.requests.length).toBeGreaterThan(1));
    backend.requests.length = 0;
    backend.fault = undefined;
    await expectEvents(backend, 'client.connected ann');
  });

  it('for too long misses events, which is counted, but receives later ones', async () => {
    const backend = await Backend.start();
    backend.fault = (response) => json(response, {}, 500);
    const gateway = await start(backend, { retryFor: 0.1 });
    await connectAs(gateway, { sub: 'ann' });
    const dropped = (): Promise<number | undefined> => metric(gateway, 'holdfast_events_total{outcome="dropped"}');
    await vi.waitFor(async () => expect(await dropped()).toBe(1));
    backend.requests.length = 0;
    backend.fault = undefined;
    await connectAs(gateway, { sub: 'bob' });
    await expectEvents(backend, 'client.connected bob');
  });

  it('causes at most the configured number of events to wait: the oldest are dropped, and counted', async () => {
    const backend = await Backend.start();
    backend.fault = (response) => json(response, {}, 500);
    const gateway = await start(backend, { maxQueued: 3, maxBatch: 1, types: ['client.connected'] });
    await connectAs(gateway, { sub: 'user-0' });
    await vi.waitFor(() => expect(backend.requests.length).toBeGreaterThan(0));
    for (let index = 1; index <= 6; index += 1) await connectAs(gateway, { sub: `user-${index}` });
    await expect.poll(() => metric(gateway, 'holdfast_events_total{outcome="dropped"}')).toBe(3);
    await expect.poll(() => metric(gateway, 'holdfast_events_waiting')).toBe(3);
    backend.requests.length = 0;
    backend.fault = undefined;
    await expectEvents(backend, ...[0, 4, 5, 6].map((index) => `client.connected user-${index}`));
  });
});

/** Connects and disconnects for good, again and again. */
async function connectAndLeave(gateway: TestGateway, sub: string, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await (await connectAs(gateway, { sub })).close();
}

describe('the events of one user', () => {
  it('do not displace events of others while the backend is unavailable', async () => {
    const backend = await Backend.start();
    backend.fault = (response) => json(response, {}, 503);
    const gateway = await start(backend, {
      maxQueued: 20,
      maxBatch: 5,
      types: ['client.connected', 'client.disconnected'],
    });
    await connectAndLeave(gateway, 'good', 2);
    await connectAndLeave(gateway, 'evil', 30);
    await connectAndLeave(gateway, 'late', 2);
    backend.requests.length = 0;
    backend.fault = undefined;
    await vi.waitFor(() => {
      const lines = linesOf(backend);
      for (const user of ['good', 'late']) {
        expect(new Set(lines.filter((line) => line.endsWith(user))).size).toBe(2);
        expect(lines.filter((line) => line.endsWith(user))).toHaveLength(4);
      }
    });
  });

  it('do not displace events of others, whatever channels they are about', async () => {
    const backend = await Backend.start();
    backend.fault = (response) => json(response, {}, 503);
    const gateway = await start(backend, { maxQueued: 20, types: ['channel.occupied'] });
    const [good, evil] = [await connectAs(gateway, { sub: 'good' }), await connectAs(gateway, { sub: 'evil' })];
    for (let n = 0; n < 3; n += 1) await good.subscribe(`good:${n}`);
    for (let n = 0; n < 60; n += 1) await evil.subscribe(`evil:${n}`);
    await vi.waitFor(async () =>
      expect(await metric(gateway, 'holdfast_events_total{outcome="dropped"}')).toBeGreaterThan(10),
    );
    backend.requests.length = 0;
    backend.fault = undefined;
    await vi.waitFor(() =>
      expect(linesOf(backend)).toEqual(expect.arrayContaining([0, 1, 2].map((n) => `channel.occupied good:${n}`))),
    );
  });
});

describe('an event that the backend never accepts', () => {
  it.each<[string, Backend['fault']]>([
    ['returns 400 for it', (response) => json(response, {}, 400)],
    ['returns 413 for it', (response) => json(response, {}, 413)],
    ['returns 500 for it', (response) => json(response, {}, 500)],
    ['closes the connection', (response) => void response.destroy()],
    ['never answers', () => undefined],
  ])('because it %s delays no others, and is dropped alone', async (_how, fault) => {
    const backend = await Backend.start();
    const taken: string[] = [];
    backend.fault = (response, { body }) => {
      if (body.includes('"evil"')) {
        fault?.(response, { body, headers: {}, url: '' });
        return;
      }
      const { data } = JSON.parse(body) as { data: { events: SentEvent[] } };
      taken.push(...data.events.map(({ data: { user = '' } }) => user));
      json(response, {});
    };
    const gateway = await start(backend, { maxDelay: 0.05, timeout: 0.3, types: ['client.connected'] });
    const users = Array.from({ length: 12 }, (_, n) => `user-${n}`);
    for (const sub of [...users.slice(0, 6), 'evil', ...users.slice(6)]) await connectAs(gateway, { sub });
    await vi.waitFor(() => expect(taken.toSorted()).toEqual(users.toSorted()));
    // It is not dropped before the backend has shown that it accepts others.
    const dropped = (): Promise<number | undefined> => metric(gateway, 'holdfast_events_total{outcome="dropped"}');
    let more = 0;
    await vi.waitFor(
      async () => {
        await connectAs(gateway, { sub: `more-${(more += 1)}` });
        expect(await dropped()).toBe(1);
      },
      { interval: 200 },
    );
    await vi.waitFor(() => expect(taken).toHaveLength(users.length + more));
    await expect.poll(() => metric(gateway, 'holdfast_events_waiting')).toBe(0);
  });

  it(
    'makes the gateway send further events of its user separately, so that they delay no others',
    { timeout: 180_000 },
    async () => {
      const backend = await Backend.start();
      const taken: string[] = [];
      let failures = 0;
      backend.fault = (response, { body }) => {
        if (body.includes('"evil"')) {
          failures += 1;
          json(response, {}, 500);
          return;
        }
        const { data } = JSON.parse(body) as { data: { events: SentEvent[] } };
        taken.push(...data.events.map(({ data: { user = '' } }) => user));
        json(response, {});
      };
      const gateway = await start(backend, { types: ['client.connected', 'client.disconnected'] });
      const ended = new AbortController();
      const flood = (async () => {
        while (!ended.signal.aborted) await connectAndLeave(gateway, 'evil', 1);
      })();
      onTestFinished(() => ended.abort());
      await vi.waitFor(() => expect(failures).toBeGreaterThan(2), { timeout: 20_000 });
      for (let n = 0; n < 20; n += 1) await connectAndLeave(gateway, `user-${n}`, 1);
      await vi.waitFor(() => expect(taken).toHaveLength(40));
      ended.abort();
      await flood;
    },
  );

  it('is not dropped if the backend accepts it in a smaller request', async () => {
    const backend = await Backend.start();
    const taken: string[] = [];
    backend.fault = (response, { body }) => {
      const { data } = JSON.parse(body) as { data: { events: SentEvent[] } };
      if (data.events.length > 2) {
        json(response, {}, 413);
        return;
      }
      taken.push(...data.events.map(({ data: { user = '' } }) => user));
      json(response, {});
    };
    const gateway = await start(backend, { maxDelay: 0.3, types: ['client.connected'] });
    const users = Array.from({ length: 30 }, (_, n) => `user-${n}`);
    await Promise.all(users.map((sub) => connectAs(gateway, { sub })));
    await vi.waitFor(() => expect(taken.toSorted()).toEqual(users.toSorted()));
    expect(await metric(gateway, 'holdfast_events_total{outcome="dropped"}')).toBeUndefined();
  });
});

describe('events are collected into a batch', () => {
  it('until the maximum delay has passed', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend, { maxDelay: 1.5 });
    for (const sub of ['ann', 'bob']) await connectAs(gateway, { sub });
    await expectEvents(backend, 'client.connected ann', 'client.connected bob');
    expect(backend.requests).toHaveLength(1);
  });

  it('or until the batch is full', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend, { maxDelay: 60, maxBatch: 2 });
    for (const sub of ['ann', 'bob', 'cid']) await connectAs(gateway, { sub });
    await expectEvents(backend, 'client.connected ann', 'client.connected bob');
    expect(backend.requests).toHaveLength(1);
  });
});

describe('a stopping pod', () => {
  it('sends the waiting events', async () => {
    const backend = await Backend.start();
    const gateway = await start(backend, { maxDelay: 60 });
    const ann = await connectAs(gateway, { sub: 'ann' });
    await ann.subscribe(CHANNEL);
    await gateway.close();
    expect(await ann.closed).toMatchObject({ code: CLOSE.restart.code });
    expect(linesOf(backend)).toEqual(['client.connected ann', `channel.occupied ${CHANNEL}`]);
  });

  it.each<[string, Backend['fault']]>([
    ['fails', (response) => json(response, {}, 500)],
    ['does not answer', () => undefined],
  ])('waits at most 3 s for a backend that %s', async (_how, fault) => {
    const backend = await Backend.start();
    backend.fault = fault;
    const gateway = await start(backend, { timeout: 30 });
    await connectAs(gateway, { sub: 'ann' });
    await vi.waitFor(() => expect(backend.requests.length).toBeGreaterThan(0));
    const ends = gateway.close();
    const begun = new Stopwatch();
    await ends;
    expect(begun.elapsed).toBeLessThan(6_000);
  });
});
