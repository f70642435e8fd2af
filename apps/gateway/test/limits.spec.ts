import { once } from 'node:events';
import { CLOSE, errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Connections } from '../src/connection/connections.js';
import { Dispatcher } from '../src/connection/dispatcher.js';
import { connectAs, refusal } from './support/connect-as.js';
import { API_KEY, startGateway, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, PING, PONG, RawSocket, TEXT, upgradeRequest, type HttpAnswer } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';
import { signToken } from './support/tokens.js';

const BEHIND_A_PROXY = { HOLDFAST_TRUSTED_HOPS: '1' };

async function upgrade({ port }: TestGateway, path = '/ws', headers = {}): Promise<HttpAnswer> {
  const raw = await RawSocket.connect(port);
  raw.write(upgradeRequest({ path, headers }));
  return raw.answer();
}

/** Connects through a proxy that forwards this address. */
function connectFrom(sut: TestGateway, address: string, query = ''): Promise<TestClient> {
  return TestClient.connect(`${sut.webSocketUrl}${query}`, [], { headers: { 'X-Forwarded-For': address } });
}

function limited(sut: TestGateway, limit: string): Promise<number | undefined> {
  return metric(sut, `holdfast_limited_total{limit="${limit}"}`);
}

/** The query with which a moving client resumes its session. */
function sessionQuery({ welcome }: TestClient): string {
  return `?session=${welcome.session}`;
}

describe('promise 7: the connections of a pod', () => {
  const FILE = { limits: { connections: { perPod: 2 } } };

  it('are limited: the next upgrade is refused with 503, and may be retried', async () => {
    const sut = await startGateway(FILE);
    const [first] = [await sut.connect(), await sut.connect()];
    const { status, headers, body } = await upgrade(sut, '/ws', { 'Sec-WebSocket-Protocol': SUBPROTOCOL });
    expect({ status, body }).toEqual({ status: 503, body: errorData('overloaded', 'too many connections') });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await expect.poll(() => limited(sut, 'pod_connections')).toBe(1);
    await expect.poll(() => metric(sut, 'holdfast_refused_upgrades_total{code="overloaded"}')).toBe(1);
    await first.close();
    await expect(sut.connect()).resolves.toBeDefined();
  });

  it('count once while a session moves to another connection', async () => {
    const sut = await startGateway(FILE);
    const [first, second] = [await sut.connect(), await sut.connect()];
    const next = await sut.connect(sessionQuery(first));
    expect(next.welcome.client).toBe(first.welcome.client);
    await expect.poll(() => metric(sut, 'holdfast_connections')).toBe(3);
    await expect.poll(() => metric(sut, 'holdfast_clients')).toBe(2);
    // Whichever of the two closes, the client still counts.
    await first.close();
    expect(await upgrade(sut)).toMatchObject({ status: 503 });
    const again = await sut.connect(sessionQuery(next));
    await again.close();
    expect(await upgrade(sut)).toMatchObject({ status: 503 });
    await next.close();
    await second.close();
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_clients')).toBe(0));
    await expect(Promise.all([sut.connect(), sut.connect()])).resolves.toHaveLength(2);
  });

  it('of one session are at most two: the oldest is closed', async () => {
    const sut = await startGateway(FILE);
    const first = await sut.connect();
    const second = await sut.connect(sessionQuery(first));
    const third = await sut.connect(sessionQuery(first));
    expect(await first.closed).toMatchObject({ code: CLOSE.replaced.code });
    for (const client of [second, third]) expect(await client.request('ping')).toEqual({});
    await expect.poll(() => metric(sut, 'holdfast_clients')).toBe(1);
  });

  it('are limited by a rate', async () => {
    const sut = await startGateway({ limits: { connectionRate: { perPod: { burst: 3, perSecond: 2 } } } });
    for (let n = 0; n < 3; n += 1) await sut.connect();
    expect(await upgrade(sut)).toMatchObject({ status: 503, body: errorData('overloaded', 'too many upgrades') });
    await expect.poll(() => limited(sut, 'pod_connection_rate')).toBe(1);
    await vi.waitFor(() => RawSocket.webSocket(sut.port), { interval: 200 });
  });
});

describe('promise 7: the connections of a user', () => {
  const FILE = { limits: { connections: { perUser: 2 } } };

  it('are limited: the next one gets 429, or 1013 if the client cannot read that', async () => {
    const sut = await startGateway(FILE);
    const [first] = [await connectAs(sut, { sub: 'ann' }), await connectAs(sut, { sub: 'ann' })];
    const path = `/ws?access_token=${await signToken({ sub: 'ann' })}`;
    const { status, headers, body } = await upgrade(sut, path);
    expect({ status, body }).toEqual({ status: 429, body: errorData('too_many_connections') });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    const browser = new TestClient(new WebSocket(`${sut.url.replace('http', 'ws')}${path}`, [SUBPROTOCOL]));
    expect(await browser.closed).toMatchObject({ code: CLOSE.overloaded.code });
    await expect.poll(() => limited(sut, 'user_connections')).toBe(2);
    // Another user may connect, the same session may too, and so may the next connection after one has closed.
    await connectAs(sut, { sub: 'bob' });
    const moved = await connectAs(sut, { sub: 'ann' }, first.welcome.session);
    await Promise.all([first.close(), moved.close()]);
    await vi.waitFor(() => connectAs(sut, { sub: 'ann' }));
  });

  it('are limited even if the user is known only by `connect`', async () => {
    const sut = await startGateway(FILE, { HOLDFAST_ANONYMOUS: 'false' });
    const token = await signToken({ sub: 'ann' });
    const unauthenticated = async (): Promise<TestClient> => {
      const client = new TestClient(new WebSocket(sut.webSocketUrl, [SUBPROTOCOL]));
      await once(client.webSocket, 'open');
      return client;
    };
    const clients = await Promise.all([unauthenticated(), unauthenticated(), unauthenticated()]);
    const [first, second, third] = clients;
    const { session } = await first.request('connect', { token });
    await second.request('connect', { token });
    expect(await refusal(third.request('connect', { token }))).toEqual(errorData('too_many_connections'));
    expect(await third.closed).toMatchObject({ code: CLOSE.overloaded.code });
    const moved = await unauthenticated();
    expect(await moved.request('connect', { token, session })).toMatchObject({ session });
    await Promise.all([first, second, moved].map((client) => client.close()));
  });
});

describe('promise 7: the connections of an address', () => {
  const FILE = { limits: { connections: { perAddress: 2 }, connectionRate: { perAddress: { burst: 10 } } } };

  it('are limited independently of other addresses', async () => {
    const sut = await startGateway(FILE, BEHIND_A_PROXY);
    const first = await connectFrom(sut, '198.51.100.1');
    await connectFrom(sut, '198.51.100.1');
    const from = { 'X-Forwarded-For': '198.51.100.1' };
    expect(await upgrade(sut, '/ws', from)).toMatchObject({ status: 429, body: errorData('too_many_connections') });
    await expect.poll(() => limited(sut, 'address_connections')).toBe(1);
    await connectFrom(sut, '198.51.100.2');
    // An address that the client itself adds is not trusted.
    const lie = { 'X-Forwarded-For': '203.0.113.7, 198.51.100.1' };
    expect(await upgrade(sut, '/ws', lie)).toMatchObject({ status: 429 });
    await connectFrom(sut, '198.51.100.1', sessionQuery(first));
    await first.close();
    expect(await upgrade(sut, '/ws', from)).toMatchObject({ status: 429 });
  });

  it('are limited by a rate', async () => {
    const sut = await startGateway(
      { limits: { connectionRate: { perAddress: { burst: 3, perSecond: 2 } } } },
      BEHIND_A_PROXY,
    );
    for (let n = 0; n < 3; n += 1) await connectFrom(sut, '198.51.100.1');
    const from = { 'X-Forwarded-For': '198.51.100.1' };
    const { status, headers, body } = await upgrade(sut, '/ws', from);
    expect({ status, body }).toEqual({ status: 429, body: errorData('rate_limited') });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await expect.poll(() => limited(sut, 'address_connection_rate')).toBe(1);
    await connectFrom(sut, '198.51.100.2');
    await vi.waitFor(() => RawSocket.webSocket(sut.port, '/ws', from), { interval: 200 });
  });

  it('are not counted if the number of proxies is not configured', async () => {
    const sut = await startGateway(FILE);
    for (let n = 0; n < 15; n += 1) await connectFrom(sut, '198.51.100.1');
    expect(await limited(sut, 'address_connections')).toBeUndefined();
  });
});

describe('promise 7: the requests of one connection', () => {
  it('are limited in subscriptions', async () => {
    const sut = await startGateway({ limits: { subscriptions: 2 } });
    const client = await sut.connect();
    await client.subscribe('a');
    await client.subscribe('b');
    expect(await refusal(client.subscribe('c'))).toEqual(errorData('too_many_subscriptions'));
    await expect.poll(() => limited(sut, 'subscriptions')).toBe(1);
    await client.request('unsubscribe', { channel: 'a' });
    await client.subscribe('c');
    await expect.poll(() => metric(sut, 'holdfast_subscriptions')).toBe(2);
  });

  it('are limited in subscriptions even if all are requested at once', async () => {
    const sut = await startGateway({ limits: { subscriptions: 5 } });
    const client = await sut.connect();
    const asked = Array.from({ length: 50 }, (_, n) => client.subscribe(`room:${n}`));
    const settled = await Promise.allSettled(asked);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    await expect.poll(() => metric(sut, 'holdfast_subscriptions')).toBe(5);
    await expect.poll(() => metric(sut, 'holdfast_channels')).toBe(5);
  });

  it('are limited in channels of the pod, which other clients may still join', async () => {
    const sut = await startGateway({ limits: { channels: 2 } });
    const client = await sut.connect();
    await client.subscribe('a');
    await client.subscribe('b');
    expect(await refusal(client.subscribe('c'))).toEqual(errorData('overloaded', 'too many channels'));
    await expect.poll(() => limited(sut, 'channels')).toBe(1);
    await (await sut.connect()).subscribe('a');
    await client.request('unsubscribe', { channel: 'b' });
    await client.subscribe('c');
  });

  it('are limited in publishes, on all connections of its user together', async () => {
    const sut = await startGateway({ limits: { publishes: { burst: 4, perSecond: 2 } } });
    const [one, other] = [await connectAs(sut, { sub: 'ann' }), await connectAs(sut, { sub: 'ann' })];
    for (const client of [one, other, one, other]) await client.publish('x', 1);
    const tooMany = errorData('rate_limited', undefined, { interval: 500 });
    expect(await refusal(one.publish('x', 1))).toEqual(tooMany);
    expect(await refusal(other.publish('y', 1))).toEqual(tooMany);
    await expect.poll(() => limited(sut, 'publishes')).toBe(2);
    await (await connectAs(sut, { sub: 'bob' })).publish('x', 1);
    await vi.waitFor(() => one.publish('x', 1), { interval: 200 });
  });
});

describe('promise 7: the frames of one connection', () => {
  const FILE = { limits: { frames: { burst: 20, perSecond: 10 } } };

  it('are answered with rate_limited above the rate, each under its id, and served again later', async () => {
    const sut = await startGateway(FILE);
    const client = await sut.connect();
    const answers = await Promise.allSettled(Array.from({ length: 30 }, () => client.request('ping')));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toEqual(errorData('rate_limited', undefined, { interval: 100 }));
    await expect.poll(() => limited(sut, 'frames')).toBe(refused.length);
    await vi.waitFor(() => client.request('ping'), { interval: 200 });
  });

  const flood: [string, (raw: RawSocket, n: number) => void][] = [
    ['requests', (raw, n) => raw.write(clientFrame(TEXT, `{"event":"ping","id":${n}}`))],
    ['pings', (raw) => raw.write(clientFrame(PING, 'x'))],
    ['unsolicited pongs', (raw) => raw.write(clientFrame(PONG, 'x'))],
    ['subscribes and unsubscribes', (raw, n) => raw.write(clientFrame(TEXT, joinOrLeave(n)))],
    ['bad frames', (raw) => raw.write(clientFrame(TEXT, 'no JSON'))],
    ['empty frames', (raw) => raw.write(clientFrame(TEXT, ''))],
    ['binary frames', (raw) => raw.write(clientFrame(0x2, 'x'))],
  ];
  it.each(flood)('end in 1008 if they are a flood of %s, and other clients are served', async (_name, send) => {
    const sut = await startGateway({ ...FILE, connection: { badFrames: { burst: 20 } } });
    const other = await sut.connect();
    const raw = await RawSocket.webSocket(sut.port);
    let sent = 0;
    let asked = 0;
    while (raw.socket.readyState === 'open' && sent < 100_000) {
      for (let n = 0; n < 50; n += 1) send(raw, (sent += 1));
      await new Promise((resolve) => setImmediate(resolve));
      if (performance.now() - asked > 150) {
        asked = performance.now();
        expect(await other.request('ping')).toEqual({});
      }
    }
    await raw.closed;
    expect(await other.request('ping')).toEqual({});
    await expect.poll(() => metric(sut, `holdfast_closes_total{code="${CLOSE.abuse.code}"}`)).toBe(1);
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(1));
    await expect.poll(() => metric(sut, 'holdfast_channels')).toBe(0);
  });

  it('that never end are read at most at the rate of bytes, and end in 1008', async () => {
    const sut = await startGateway({
      connection: { maxPayload: 1_048_576, maxBuffered: 2_097_152 },
      limits: { bytes: { burst: 2_097_152, perSecond: 1_048_576 } },
    });
    const raw = await RawSocket.webSocket(sut.port);
    const [connection] = sut.app.get(Connections).all();
    if (connection === undefined) throw new Error('not connected');
    // Empty fragments: they complete no frame, and no limit of payloads is ever reached.
    const emptyFragments = Buffer.concat(Array.from({ length: 1_000 }, () => Buffer.from([0, 0x80, 0, 0, 0, 0])));
    const begun = performance.now();
    raw.write(Buffer.from([0x01, 0x80, 0, 0, 0, 0]));
    while (raw.socket.readyState === 'open' && performance.now() - begun < 3_000) {
      if (raw.socket.writableLength < 10_000_000) raw.write(emptyFragments);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // More fragments of one message than any client sends.
    await raw.closed;
    await expect.poll(() => metric(sut, `holdfast_closes_total{code="${CLOSE.abuse.code}"}`)).toBe(1);
  });

  it('wait if they exceed the rate of bytes, and are all answered', async () => {
    const sut = await startGateway({ limits: { bytes: { burst: 262_144, perSecond: 262_144 } } });
    const client = await sut.connect();
    const begun = performance.now();
    for (let n = 0; n < 20; n += 1) client.send({ event: 'ping', id: n, more: 'x'.repeat(60_000) });
    for (let n = 0; n < 20; n += 1) expect((await client.answer(n)).event).toBe('reply');
    // 1.2 MB, of which the first 256 KB arrive at once.
    expect(performance.now() - begun).toBeGreaterThan(2_000);
    await expect.poll(() => limited(sut, 'bytes')).toBeGreaterThan(0);
  });
});

function joinOrLeave(n: number): string {
  return `{"event":"${n % 2 === 1 ? 'subscribe' : 'unsubscribe'}","id":${n},"data":{"channel":"x"}}`;
}

describe('promise 7: the unanswered requests of one connection', () => {
  it('are limited in bytes', async () => {
    const sut = await startGateway({ connection: { concurrency: 1 } });
    const client = await sut.connect();
    const { ChannelsService } = await import('../src/channels/channels.service.js');
    const answer = Promise.withResolvers<{ epoch: string; offset: number }>();
    vi.spyOn(sut.app.get(ChannelsService), 'publishFrom').mockReturnValue(answer.promise);
    for (let id = 0; id < 200; id += 1) {
      client.send({ event: 'publish', id, data: { channel: 'x', data: 'x'.repeat(60_000) } });
    }
    const [connection] = sut.app.get(Connections).all();
    await vi.waitFor(() => expect(connection?.requests.bytes).toBeGreaterThan(900_000));
    await vi.waitFor(() => expect(client.webSocket.bufferedAmount).toBeGreaterThan(0));
    // What it had read before it stopped, and no more.
    expect(connection?.requests.bytes).toBeLessThan(1_300_000);
    answer.resolve({ epoch: 'e', offset: 1 });
    for (let id = 0; id < 200; id += 1) expect((await client.answer(id)).event).toBe('reply');
  });
});

describe('promise 7: a client that sends without a pause', () => {
  it('is read in turn with all others: the results of its requests are sent between them', async () => {
    const sut = await startGateway({ limits: NO_LIMITS });
    const client = await RawSocket.webSocket(sut.port);
    const receive = vi.spyOn(sut.app.get(Dispatcher), 'receive');
    let [most, counted, counting] = [0, 0, true];
    const count = (): void => {
      const { length } = receive.mock.calls;
      most = Math.max(most, length - counted);
      counted = length;
      if (counting) setImmediate(count);
    };
    count();
    onTestFinished(() => void (counting = false));
    const frames = 20_000;
    const frame = clientFrame(TEXT, '{"event":"publish","data":{"channel":"room:1","data":1}}');
    client.write(...Array.from({ length: frames }, () => frame));
    await vi.waitFor(() => expect(receive).toHaveBeenCalledTimes(frames));
    // A chunk of 64 KiB is read at once, possibly after a small one that was not enough for a pause.
    expect(most).toBeLessThanOrEqual(2 * Math.ceil(65_536 / frame.length) + 1);
  });
});

describe('promise 7: the requests of the HTTP API', () => {
  it('are limited by a rate per key, whatever their route', async () => {
    const sut = await startGateway(
      { limits: { apiRequests: { burst: 4, perSecond: 2 } } },
      { HOLDFAST_API_KEYS: `${API_KEY},another-api-key-of-the-tests` },
    );
    const ask = (path: string, key = API_KEY): Promise<Response> =>
      fetch(`${sut.url}${path}`, { headers: { Authorization: `Bearer ${key}` } });
    for (let n = 0; n < 2; n += 1) {
      expect((await ask('/api/channels')).status).toBe(200);
      expect((await ask('/api/users/ann/connections')).status).toBe(200);
    }
    for (const path of ['/api/channels', '/api/users/ann/connections', '/api/channels/x/history']) {
      const refused = await ask(path);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refused.json()).toEqual(errorData('rate_limited'));
    }
    await expect.poll(() => limited(sut, 'api_requests')).toBe(3);
    expect((await ask('/api/channels', 'another-api-key-of-the-tests')).status).toBe(200);
    // A request without a key does not use up another's rate.
    expect((await ask('/api/channels', 'no-key-of-anybody-here')).status).toBe(401);
    await vi.waitFor(async () => expect((await ask('/api/channels')).status).toBe(200), {
      interval: 200,
    });
  });
});
