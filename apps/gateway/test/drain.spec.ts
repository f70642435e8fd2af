import { once } from 'node:events';
import { BROKER, type Broker } from '@holdfast/broadcast';
import { CLOSE, errorData } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { Connections } from '../src/connection/connections.js';
import { API_KEY, startGateway, type TestGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { metric } from './support/metric.js';
import { RawSocket, upgradeRequest } from './support/raw-socket.js';
import type { TestClient } from './support/test-client.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

function startDraining(settle: number, window: number): Promise<TestGateway> {
  return startGateway(
    { drain: { settle, window } },
    { HOLDFAST_SETTLE_SECONDS: undefined, HOLDFAST_DRAIN_SECONDS: undefined },
  );
}

async function readiness({ url }: TestGateway): Promise<number> {
  return (await fetch(`${url}/health/ready`)).status;
}

async function refusal({ port }: TestGateway) {
  const raw = await RawSocket.connect(port);
  raw.write(upgradeRequest());
  return raw.answer();
}

/** When a client was asked to leave, in ms after `begun`. */
async function askedAfter(begun: number, { webSocket }: TestClient): Promise<number> {
  for (;;) {
    const [data] = (await once(webSocket, 'message')) as [Buffer];
    if (data.includes('"event":"reconnect"')) return performance.now() - begun;
  }
}

/** Drains the clients of a new pod, again and again until the machine has not stalled meanwhile: it measures when each is asked. */
async function drainUndisturbed(
  count: number,
): Promise<{ clients: TestClient[]; asked: number[]; stopped: Promise<void> }> {
  for (let attempt = 1; ; attempt += 1) {
    const sut = await startDraining(0, 3);
    const clients = await Promise.all(Array.from({ length: count }, () => sut.connect()));
    const watch = new Stopwatch();
    const begun = performance.now();
    const stopped = sut.close();
    const asked = await Promise.all(clients.map((client) => askedAfter(begun, client)));
    if (performance.now() - begun - watch.elapsed < 300 || attempt === 5) return { clients, asked, stopped };
    await stopped;
  }
}

describe('promise 5: a pod that stops', () => {
  it('fails readiness at once, continues to accept upgrades for the settle time, and then refuses them', async () => {
    const sut = await startDraining(1.5, 2);
    const early = await sut.connect();
    expect(await readiness(sut)).toBe(200);
    const stopped = sut.close();
    expect(await readiness(sut)).toBe(503);
    const late = await sut.connect();
    expect(await late.request('ping')).toEqual({});
    expect(early.of('reconnect')).toEqual([]);

    await early.next('reconnect');
    const { status, headers, body } = await refusal(sut);
    expect({ status, body }).toEqual({ status: 503, body: errorData('draining') });
    expect(headers.get('retry-after')).toBe('2');
    expect(await readiness(sut)).toBe(503);
    expect((await fetch(`${sut.url}/health/live`)).status).toBe(200);
    // Clients that connected during the settle time are asked like all others.
    await late.next('reconnect');
    expect(await late.closed).toMatchObject({ code: CLOSE.restart.code });
    await stopped;
  });

  it('asks its clients to leave in batches spread over the drain window, each with its deadline', async () => {
    const CLIENTS = 60;
    const { clients, asked: times, stopped } = await drainUndisturbed(CLIENTS);
    const asked = times.toSorted((a, b) => a - b);
    const watch = new Stopwatch();
    // The clients are asked within 5/6 of the window; the last ones have the rest to leave.
    expect(asked.at(-1)).toBeGreaterThan(2_000);
    expect(asked.at(-1)).toBeLessThan(3_000);
    for (let from = 0; from < 2_000; from += 500) {
      const inHalfSecond = asked.filter((at) => at >= from && at < from + 500).length;
      expect(inHalfSecond, `asked from ${from} ms`).toBeGreaterThan(CLIENTS / 15);
      expect(inHalfSecond, `asked from ${from} ms`).toBeLessThan(CLIENTS / 2);
    }
    for (const client of clients) {
      const [notice, ...others] = client.of('reconnect');
      expect(others).toEqual([]);
      expect(notice?.data['reason']).toBe('draining');
    }
    for (const { code } of await Promise.all(clients.map(({ closed }) => closed)))
      expect(code).toBe(CLOSE.restart.code);
    await stopped;
    // The rest of the window, and the time to close.
    expect(watch.elapsed).toBeLessThan(2_500);
  });

  it('gives every client until the end of the window, and the last ones a sixth of it', async () => {
    const { clients, asked, stopped } = await drainUndisturbed(60);
    const ends = clients.map((client, index) => {
      const within = client.of('reconnect')[0]?.data['within'] as number;
      client.webSocket.close(1000);
      return { within, end: (asked[index] ?? 0) + within };
    });
    await stopped;
    expect(Math.max(...ends.map(({ within }) => within))).toBeLessThanOrEqual(3_000);
    expect(Math.min(...ends.map(({ within }) => within))).toBe(500);
    for (const { end } of ends) expect(end).toBeGreaterThan(2_900);
    for (const { end } of ends) expect(end).toBeLessThan(3_500);
  });

  it('closes clients that stay beyond their deadline with 1012, and not before', async () => {
    const sut = await startDraining(0, 3);
    const client = await sut.connect();
    const stays = await sut.connect();
    const begun = performance.now();
    const stopped = sut.close();
    const asked = await askedAfter(begun, stays);
    const watch = new Stopwatch();
    const within = stays.of('reconnect')[0]?.data['within'] as number;
    client.webSocket.close(1000);
    expect(await stays.closed).toEqual({ code: CLOSE.restart.code, reason: CLOSE.restart.reason });
    const left = performance.now() - begun - asked;
    expect(left).toBeGreaterThan(within - 50);
    expect(watch.elapsed).toBeLessThan(within + 1_000);
    await stopped;
  });

  it('finishes as soon as the last client has left', async () => {
    const sut = await startDraining(0, 30);
    const clients = await Promise.all(Array.from({ length: 20 }, () => sut.connect()));
    const begun = new Stopwatch();
    const stopped = sut.close();
    await clients[0]?.next('reconnect');
    for (const client of clients) client.webSocket.close(1000);
    await stopped;
    expect(begun.elapsed).toBeLessThan(5_000);
  });

  it('continues to serve its clients and the API while it drains', async () => {
    const sut = await startDraining(0, 2);
    const client = await sut.connect();
    await client.subscribe('chat:x');
    const stopped = sut.close();
    await client.next('reconnect');
    const answer = await fetch(`${sut.url}/api/publish`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ channel: 'chat:x', data: 'from the API' }),
    });
    expect(answer.status).toBe(200);
    expect(await client.publish('chat:x', 'from a client')).toMatchObject({ offset: 2 });
    expect((await client.messages('chat:x', 2)).map(({ data }) => data['data'])).toEqual([
      'from the API',
      'from a client',
    ]);
    await expect.poll(() => metric(sut, 'holdfast_connections')).toBe(1);
    await client.close();
    await stopped;
  });

  it('reports to the other pods how many clients have moved, and how many had to be closed', async () => {
    const env = { HOLDFAST_DRAIN_SECONDS: '2' };
    const [stops, stays] = await startGatewaysOnOneBroker([env, {}]);
    if (stops === undefined || stays === undefined) throw new Error('expected two gateways');
    // Clients are asked in the order in which they came.
    const leaves = await stops.connect();
    const moves = await stops.connect();
    const remains = await stops.connect();
    const drained = (outcome: string): Promise<number | undefined> =>
      metric(stays, `holdfast_drained_clients_total{outcome="${outcome}"}`);
    expect([await drained('moved'), await drained('closed')]).toEqual([0, 0]);
    const connections = stops.app.get(Connections).all();
    const stopped = stops.close();
    await leaves.next('reconnect');
    await leaves.close();
    // It has a newer connection elsewhere, and has not closed this one yet.
    connections.find(({ client }) => client === moves.welcome.client)?.replace('newer');
    expect(await remains.closed).toMatchObject({ code: CLOSE.restart.code });
    await stopped;
    await vi.waitFor(async () => expect([await drained('moved'), await drained('closed')]).toEqual([2, 1]));
  });

  it('closes the broker last', async () => {
    const sut = await startGateway();
    const broker = sut.app.get<Broker>(BROKER);
    const connections = sut.app.get(Connections);
    const open: number[] = [];
    const close = broker.close.bind(broker);
    vi.spyOn(broker, 'close').mockImplementation(async () => {
      open.push(connections.count);
      await expect(fetch(`${sut.url}/health/live`)).rejects.toThrow('fetch failed');
      await close();
    });
    await sut.connect();
    await sut.close();
    expect(open).toEqual([0]);
  });

  it.each([
    ['a WebSocket that does not answer the closing handshake', upgradeRequest()],
    ['an unfinished request', 'GET /health/live HT'],
    [
      'an unfinished body',
      `POST /api/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{`,
    ],
    ['a silent connection', ''],
  ])('is not delayed by %s', async (_name, sent) => {
    const sut = await startGateway();
    const raw = await RawSocket.connect(sut.port);
    if (sent !== '') raw.write(sent);
    if (sent === upgradeRequest()) await raw.until((received) => received.includes('welcome'));
    // The gateway has read it by the time that it answers another connection.
    await (await sut.connect()).request('ping');
    const begun = new Stopwatch();
    await sut.close();
    expect(begun.elapsed).toBeLessThan(6_000);
    await raw.closed;
  });
});
