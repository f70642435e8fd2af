import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Hub } from '../src/channels/hub.js';
import { Connections } from '../src/connection/connections.js';
import { HeldMemory } from '../src/limits/held-memory.js';
import { connectAs, refusal } from './support/connect-as.js';
import { API_KEY, startGateway, testConfig, type TestGateway } from './support/gateway.js';
import { startGatewayProcess } from './support/gateway-process.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { Pod, settled, type PodClient } from './support/pod.js';
import { RawSocket, upgradeRequest } from './support/raw-socket.js';
import { signToken } from './support/tokens.js';

const MIB = 2 ** 20;

function limited(sut: TestGateway, limit: string): Promise<number | undefined> {
  return metric(sut, `holdfast_limited_total{limit="${limit}"}`);
}

async function codes(requests: readonly Promise<unknown>[]): Promise<string[]> {
  const results = await Promise.allSettled(requests);
  return results.map((result) => (result.status === 'fulfilled' ? 'ok' : (result.reason as { code: string }).code));
}

/** Subscribes to all of these at once. @returns the number of replies by code. */
async function subscribe(webSocket: WebSocket, names: readonly string[]): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  let left = names.length;
  const { promise, resolve } = Promise.withResolvers<void>();
  const take = (data: Buffer): void => {
    const {
      event,
      data: reply,
      id,
    } = JSON.parse(data.toString()) as { event: string; data: { code?: string }; id?: number };
    if (id === undefined) return;
    const code = event === 'error' ? (reply.code ?? '') : 'ok';
    answers[code] = (answers[code] ?? 0) + 1;
    if ((left -= 1) === 0) resolve();
  };
  webSocket.on('message', take).on('close', () => resolve());
  for (const [id, channel] of names.entries()) {
    webSocket.send(JSON.stringify({ event: 'subscribe', id, data: { channel } }));
  }
  await promise;
  webSocket.off('message', take);
  return answers;
}

/** The options with which the chart starts the gateway, without a container. */
const CHART_HEAP = { NODE_OPTIONS: '--max-old-space-size=154', NODE_ENV: 'production' };

describe('limits of memory', () => {
  it.each([
    ['give one user no more than its share, and leave room for others', '0.1', 12],
    ['keep the process alive when users use all of it', '1', 40],
  ])('in the heap of the chart %s', { timeout: 120_000 }, async (_name, userShare, connections) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const config = join(folder, 'config.yaml');
    await writeFile(
      config,
      `limits: { userShare: ${userShare}, newChannels: { burst: 1000000 }, userFrames: { burst: 1000000 } }\noverload: { maxEventLoopDelay: 60 }\n`,
    );
    const sut = await startGatewayProcess({ ...CHART_HEAP, HOLDFAST_CONFIG: config });
    let ended = false;
    void sut.exited.then(() => (ended = true));
    const open = async (user: string): Promise<WebSocket> => {
      const token = await signToken({ sub: user, channels: ['chat:*'] });
      const webSocket = new WebSocket(`${sut.url.replace('http', 'ws')}/ws`, [SUBPROTOCOL, `bearer.${token}`]);
      onTestFinished(() => webSocket.terminate());
      await once(webSocket, 'open');
      return webSocket;
    };
    const pad = 'p'.repeat(220);
    let taken = 0;
    let refused = 0;
    const greedy: WebSocket[] = [];
    for (let n = 0; n < connections; n += 1) greedy.push(await open('greedy'));
    const modest = await open('modest');
    for (const [n, webSocket] of greedy.entries()) {
      if (ended) break;
      const names = Array.from({ length: 1_000 }, (_, index) => `chat:${n}.${index}.${pad}`);
      const answers = await subscribe(webSocket, names);
      taken += answers['ok'] ?? 0;
      refused += answers['overloaded'] ?? 0;
    }
    expect(ended, sut.output()).toBe(false);
    expect(taken).toBeGreaterThan(1_000);
    expect(refused).toBeGreaterThan(1_000);
    if (userShare !== '1') expect(await subscribe(modest, ['chat:modest'])).toEqual({ ok: 1 });
    expect((await fetch(`${sut.url}/health/live`)).status).toBe(200);
  });

  it('refuse channels and subscriptions while memory is short, and permit them again later', async () => {
    const sut = await startGateway();
    const [client, other] = [await sut.connect(), await sut.connect()];
    await other.subscribe('a');
    const memory = sut.app.get(HeldMemory);
    // The overload check sets this once a second.
    vi.spyOn(memory, 'full').mockImplementation(() => 'memory');
    for (const channel of ['a', 'b']) {
      expect(await refusal(client.subscribe(channel))).toEqual(errorData('overloaded', 'too many channels'));
    }
    await expect.poll(() => limited(sut, 'memory')).toBe(2);
    expect(sut.app.get(Hub).has('b')).toBe(false);
    vi.restoreAllMocks();
    await client.subscribe('b');
  });

  it('are not used up by connections and subscriptions that have ended', async () => {
    const sut = await startGateway();
    const held = (): Promise<number | undefined> => metric(sut, 'holdfast_held_bytes');
    expect(await held()).toBe(0);
    const clients = [await connectAs(sut, { sub: 'ann', info: { name: 'Ann' } }), await sut.connect()];
    const [ann] = clients;
    const connected = await held();
    await Promise.all(clients.flatMap((client) => [client.subscribe('a'), client.subscribe('b')]));
    expect(await held()).toBeGreaterThan(connected ?? Infinity);
    await ann?.request('refresh', { token: await signToken({ sub: 'ann', channels: ['x'.repeat(200)] }) });
    for (const client of clients) await client.request('unsubscribe', { channel: 'a' });
    await Promise.all(clients.map((client) => client.close()));
    await vi.waitFor(async () => expect(await held()).toBe(0));
  });

  it('apply to each user: one more channel or connection is refused, while other users are served', async () => {
    const sut = await startGateway({ limits: { memory: 2 * MIB, userShare: 0.05 } });
    const ann = await connectAs(sut, { sub: 'ann' });
    const answers = await codes(Array.from({ length: 100 }, (_, n) => ann.subscribe(`room:${n}`)));
    expect(answers).toContain('ok');
    expect(answers.filter((code) => code === 'overloaded').length).toBeGreaterThan(20);
    await expect.poll(() => limited(sut, 'user_memory')).toBeGreaterThan(20);
    const raw = await RawSocket.connect(sut.port);
    raw.write(upgradeRequest({ path: `/ws?access_token=${await signToken({ sub: 'ann' })}` }));
    expect(await raw.answer()).toMatchObject({ status: 429, body: errorData('too_many_connections') });
    // A client that moves to another connection is accepted, because the other one closes.
    await connectAs(sut, { sub: 'ann' }, ann.welcome.session);
    const bob = await connectAs(sut, { sub: 'bob' });
    await bob.subscribe('room:bob');
  });

  it('bound the messages that wait for all connections together', async () => {
    const pod = await Pod.start({ file: { limits: { ...NO_LIMITS, buffered: 2 * MIB } } });
    const readers = Array.from({ length: 10 }, () => pod.connect());
    const publisher = pod.connect();
    for (const reader of readers) {
      await reader.subscribe('x');
      reader.socket.pauseWrites();
    }
    for (let n = 0; n < 12; n += 1) {
      await publisher.request('publish', { channel: 'x', data: 'x'.repeat(50_000) });
      await settled();
    }
    const left = readers.filter(({ connection }) => connection.open);
    expect(left.length).toBeGreaterThan(0);
    expect(left.reduce((sum, { connection }) => sum + connection.buffered, 0)).toBeLessThanOrEqual(2.1 * MIB);
    expect(readers.find(({ connection }) => !connection.open)?.webSocket.closedWith).toBe(1013);
  });

  it('bound the received data of incomplete messages', async () => {
    const sut = await startGateway({ limits: { buffered: MIB } });
    const good = await sut.connect();
    const sockets = await Promise.all(Array.from({ length: 40 }, () => RawSocket.webSocket(sut.port)));
    // The header of a frame of 64 KiB, and all but its last bytes.
    const unfinished = Buffer.concat([Buffer.from([0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]), Buffer.alloc(65_000)]);
    for (const socket of sockets) socket.write(unfinished);
    const connections = sut.app.get(Connections);
    await vi.waitFor(() => expect(connections.count).toBeLessThanOrEqual(17), { timeout: 20_000 });
    expect(await good.request('ping')).toEqual({});
  });
});

describe('the data that a user stores has a quota', () => {
  it('of bytes, on all connections of the user together', async () => {
    const sut = await startGateway({ limits: { publishedBytes: { burst: 60_000, perSecond: 10_000 } } });
    const [one, other] = [await connectAs(sut, { sub: 'ann' }), await connectAs(sut, { sub: 'ann' })];
    const data = 'x'.repeat(50_000);
    for (const client of [one, other]) await client.publish('x', data);
    expect(await refusal(one.publish('y', data))).toEqual(errorData('rate_limited', 'bytes published'));
    await expect.poll(() => limited(sut, 'published_bytes')).toBe(1);
    await (await connectAs(sut, { sub: 'bob' })).publish('x', data);
    await vi.waitFor(() => other.publish('x', 1), { timeout: 20_000, interval: 200 });
  });

  it("that prevents one user from filling the Redis of the chart within the history's TTL", () => {
    const redis = 0.6 * 256 * MIB;
    const { limits, namespaceDefaults } = testConfig();
    const { burst, perSecond } = limits.publishedBytes;
    // On each of three pods.
    expect(3 * (burst + (perSecond * namespaceDefaults.history.ttl) / 1_000)).toBeLessThan(0.7 * redis);
  });

  it('of new channels, by publishing and by subscribing, which known channels do not count against', async () => {
    const sut = await startGateway({ limits: { newChannels: { burst: 5, perSecond: 0.2 } } });
    const ann = await connectAs(sut, { sub: 'ann' });
    for (let n = 0; n < 3; n += 1) await ann.publish(`room:${n}`, 1);
    for (let n = 3; n < 5; n += 1) await ann.subscribe(`room:${n}`);
    for (let n = 0; n < 5; n += 1) await ann.publish(`room:${n}`, 1);
    const tooMany = errorData('rate_limited', 'new channels');
    expect(await refusal(ann.subscribe('room:5'))).toEqual(tooMany);
    expect(await refusal(ann.publish('room:6', 1))).toEqual(tooMany);
    await expect.poll(() => limited(sut, 'new_channels')).toBe(2);
    expect(sut.app.get(Hub).has('room:5')).toBe(false);
    // A channel that others use does not count as new.
    await (await connectAs(sut, { sub: 'bob' })).subscribe('room:5');
    await ann.subscribe('room:5');
    await vi.waitFor(() => ann.subscribe('room:6'), { timeout: 20_000, interval: 200 });
  });

  it('that a client with the maximum number of subscriptions does not reach when it reconnects', async () => {
    const pod = await Pod.start();
    const client = pod.connect();
    const { subscriptions } = pod.config.limits;
    const answers = await codes(Array.from({ length: subscriptions }, (_, n) => client.subscribe(`room:${n}`)));
    expect(new Set(answers)).toEqual(new Set(['ok']));
  });
});

describe('a request that costs more than its size', () => {
  const FILE = { limits: { readBytes: { burst: 100_000, perSecond: 5_000 } } };

  it.each<[string, (client: Awaited<ReturnType<typeof connectAs>>) => Promise<unknown>]>([
    ['history', (client) => client.request('history', { channel: 'x' })],
    [
      'a replay',
      async (client) => {
        await client.subscribe('x', { last: 10 });
        await client.request('unsubscribe', { channel: 'x' });
      },
    ],
  ])('(%s) is charged by the size of its reply, and other users are not refused', async (_name, ask) => {
    const sut = await startGateway(FILE);
    const ann = await connectAs(sut, { sub: 'ann' });
    for (let n = 0; n < 4; n += 1) await ann.publish('x', 'x'.repeat(15_000));
    await ask(ann);
    await ask(ann);
    expect(await refusal(ask(ann))).toMatchObject({ code: 'rate_limited', retryable: true });
    await expect.poll(() => limited(sut, 'read_bytes')).toBe(1);
    // A subscribe without a read is not refused.
    await ann.subscribe('y');
    await ask(await connectAs(sut, { sub: 'bob' }));
    await vi.waitFor(() => ask(ann), { timeout: 20_000, interval: 200 });
  });

  it('(a list of members) is charged by the size of its reply', async () => {
    const sut = await startGateway(FILE);
    const info = 'x'.repeat(4_000);
    for (let n = 0; n < 14; n += 1) await (await connectAs(sut, { sub: `u${n}`, info })).subscribe('x');
    const ann = await connectAs(sut, { sub: 'ann' });
    await ann.request('presence', { channel: 'x' });
    await ann.request('presence', { channel: 'x' });
    expect(await refusal(ann.request('presence', { channel: 'x' }))).toMatchObject({ code: 'rate_limited' });
  });

  it.each([
    ['batch', { publications: Array.from({ length: 40 }, () => ({ channel: 'x', data: 1 })) }],
    ['broadcast', { channels: Array.from({ length: 40 }, (_, n) => `x:${n}`), data: 1 }],
  ])('(%s) counts as many requests as it publishes messages', async (path, body) => {
    const sut = await startGateway({ limits: { apiRequests: { burst: 50, perSecond: 10 } } });
    const post = async (): Promise<number> => {
      const headers = { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' };
      const response = await fetch(`${sut.url}/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      await response.arrayBuffer();
      return response.status;
    };
    expect([await post(), await post(), await post()]).toEqual([200, 200, 429]);
    await vi.waitFor(async () => expect(await post()).toBe(200), { timeout: 20_000, interval: 300 });
  });
});

/** The members that a client knows, from its first list and the events since. */
function listOf(client: PodClient, start: ReadonlySet<string>): Set<string> {
  const list = new Set(start);
  for (const { event, data } of client.frames) {
    const { client: id } = (data['member'] ?? {}) as { client?: string };
    if (id === undefined) continue;
    if (event === 'join') list.add(id);
    if (event === 'leave') list.delete(id);
  }
  return list;
}

describe('joins and leaves', () => {
  it("of one user have a rate, on all of the user's connections together", async () => {
    const sut = await startGateway({ limits: { presenceChanges: { burst: 10, perSecond: 0.3 } } });
    const [one, other] = [await connectAs(sut, { sub: 'ann' }), await connectAs(sut, { sub: 'ann' })];
    for (let n = 0; n < 5; n += 1) {
      await (n % 2 === 0 ? one : other).subscribe('x');
      await (n % 2 === 0 ? one : other).request('unsubscribe', { channel: 'x' });
    }
    expect(await refusal(one.subscribe('x'))).toEqual(errorData('rate_limited', 'joins and leaves'));
    await expect.poll(() => limited(sut, 'presence_changes')).toBe(1);
    await (await connectAs(sut, { sub: 'bob' })).subscribe('x');
    await vi.waitFor(() => other.subscribe('x'), { timeout: 20_000, interval: 200 });
  });

  it('in a large room are collected: a client that comes and goes all the time is announced a few times, and every list is correct', async () => {
    const pod = await Pod.start({ file: { limits: NO_LIMITS } });
    const listeners = Array.from({ length: 100 }, () => pod.connect());
    for (const listener of listeners) await listener.subscribe('room', { presence: true });
    await settled();
    const first = listeners[0] ?? expect.unreachable();
    const lists = new Map<PodClient, Set<string>>();
    const announcements = (): number => first.of('join').length + first.of('leave').length;
    const churners = Array.from({ length: 10 }, () => pod.connect());
    const before = announcements();
    for (let round = 0; round < 200; round += 1) {
      for (const churner of churners) await churner.subscribe('room');
      for (const churner of churners) await churner.request('unsubscribe', { channel: 'room' });
    }
    const [last] = churners;
    await last?.subscribe('room');
    const late = pod.connect();
    const { members } = await late.subscribe('room', { presence: true });
    lists.set(late, new Set(members?.map(({ client }) => client)));
    const present = new Set(
      [...listeners, late, ...(last === undefined ? [] : [last])].map(({ session }) => session.client),
    );
    await vi.waitFor(
      () => {
        expect(listOf(late, lists.get(late) ?? new Set())).toEqual(present);
        expect(listOf(first, new Set([first.session.client]))).toEqual(present);
      },
      { interval: 50 },
    );
    // 4,000 joins and leaves.
    expect(announcements() - before).toBeLessThan(400);
  });

  it('never contain an info above the limit: such a client is refused, with the reason', async () => {
    const sut = await startGateway({ presence: { maxInfo: 100 } });
    await connectAs(sut, { sub: 'ann', info: 'x'.repeat(98) });
    const token = await signToken({ sub: 'ann', info: 'x'.repeat(99) });
    const response = await new Promise<{ status: number; body: string }>((resolve) => {
      const webSocket = new WebSocket(`${sut.webSocketUrl}?access_token=${token}`);
      webSocket.on('unexpected-response', (_request, answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      });
    });
    expect(response.status).toBe(403);
    expect(JSON.parse(response.body)).toEqual(errorData('forbidden', 'info exceeds presence.maxInfo (100 bytes)'));
    await expect.poll(() => limited(sut, 'info')).toBe(1);
  });

  it('with large infos do not close clients that request presence: a list fits into their budget', async () => {
    const sut = await startGateway({ presence: { maxInfo: 30_000 }, limits: NO_LIMITS });
    const info = 'x'.repeat(5_000);
    const clients = await Promise.all(Array.from({ length: 150 }, (_, n) => connectAs(sut, { sub: `u${n}`, info })));
    await Promise.all(clients.map((client) => client.subscribe('x')));
    const [caller] = clients;
    const { members, count } = await (caller ?? expect.unreachable()).request('presence', { channel: 'x' });
    expect(count).toBe(150);
    expect(members.length).toBeGreaterThan(10);
    expect(JSON.stringify(members).length).toBeLessThan(sut.config.connection.maxBuffered / 2 + 10_000);
    expect(await caller?.request('ping')).toEqual({});
  });
});
