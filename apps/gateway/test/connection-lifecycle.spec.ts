import { once } from 'node:events';
import { CLOSE, errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ChannelsService } from '../src/channels/channels.service.js';
import { Connections } from '../src/connection/connections.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { heapInUse } from './support/heap.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, PING, RawSocket, TEXT } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';
import { secondsFromNow, signToken } from './support/tokens.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

/** Resolves when a client has received this many pings. */
async function pings({ webSocket }: TestClient, count: number): Promise<void> {
  for (let seen = 0; seen < count; seen += 1) await once(webSocket, 'ping');
}

async function connectAs(sut: TestGateway, claims: Parameters<typeof signToken>[0]): Promise<TestClient> {
  return sut.connect(`?access_token=${await signToken(claims)}`);
}

describe('a ping', () => {
  const PING_EVERY_S = 0.3;

  it('that is not answered reveals a dead peer, and closes the connection', async () => {
    const sut = await startGateway({ connection: { ping: PING_EVERY_S } });
    const raw = await RawSocket.webSocket(sut.port);
    const begun = new Stopwatch();
    await raw.closed;
    expect(begun.elapsed).toBeLessThan(3_000);
    expect(raw.frames.includes(Buffer.from([0x89, 0x00]))).toBe(true);
    await expect.poll(() => metric(sut, 'holdfast_dead_peers_total')).toBe(1);
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(0));
  });

  it('does not close the connection of a silent peer that answers it', async () => {
    const sut = await startGateway({ connection: { ping: PING_EVERY_S } });
    const client = await sut.connect();
    await pings(client, 3);
    expect(client.webSocket.readyState).toBe(WebSocket.OPEN);
    expect(await metric(sut, 'holdfast_dead_peers_total')).toBe(0);
  });

  it('needs no pong if the peer sends anything else', async () => {
    const sut = await startGateway({ connection: { ping: PING_EVERY_S } });
    const watch = await sut.connect();
    const raw = await RawSocket.webSocket(sut.port);
    const talk = setInterval(() => raw.write(clientFrame(TEXT, '{"event":"ping"}')), 100);
    await pings(watch, 3);
    clearInterval(talk);
    expect(await metric(sut, 'holdfast_dead_peers_total')).toBe(0);
  });

  it('does not close a connection that the gateway itself is not reading', async () => {
    const sut = await startGateway({ connection: { ping: PING_EVERY_S } });
    const watch = await sut.connect();
    const client = await sut.connect();
    const answer = Promise.withResolvers<{ epoch: string; offset: number }>();
    vi.spyOn(sut.app.get(ChannelsService), 'publishFrom').mockReturnValue(answer.promise);
    for (let id = 0; id < 500; id += 1)
      client.send({ event: 'publish', id: `p${id}`, data: { channel: 'x', data: id } });
    await pings(watch, 3);
    answer.resolve({ epoch: 'e', offset: 1 });
    await client.answer('p499');
    expect(client.of('reply')).toHaveLength(500);
    expect(await client.request('ping')).toEqual({});
  });

  it('is not sent if it is configured as 0, and clients get a default interval', async () => {
    const sut = await startGateway({ connection: { ping: 0 } });
    expect((await sut.connect()).welcome.ping).toBe(8_000);
  });
});

describe('a token', () => {
  it('that expires closes its connection with 4001 within a second, and the welcome contains the time', async () => {
    const sut = await startGateway();
    const client = await connectAs(sut, { sub: 'ann', exp: secondsFromNow(1) });
    const received = performance.now();
    const { expires = 0 } = client.welcome;
    expect(expires).toBeGreaterThan(500);
    expect(expires).toBeLessThanOrEqual(1_000);
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
    const after = performance.now() - received - expires;
    expect(after).toBeGreaterThan(-50);
    expect(after).toBeLessThan(1_000);
  });

  it('that expires can be replaced by a refresh', async () => {
    const sut = await startGateway();
    const client = await connectAs(sut, { sub: 'ann', exp: secondsFromNow(1) });
    const bystander = await connectAs(sut, { sub: 'bob', exp: secondsFromNow(1) });
    const token = await signToken({ sub: 'ann', exp: secondsFromNow(60) });
    const { expires } = await client.request('refresh', { token });
    expect(expires).toBeGreaterThan(55_000);
    await bystander.closed;
    expect(await client.request('ping')).toEqual({});
    expect(await client.request('refresh', { token: await signToken({ sub: 'ann' }) })).toEqual({});
  });

  it('that is refreshed with the token of another user, without a user or with an invalid token stays in effect', async () => {
    const sut = await startGateway();
    const client = await connectAs(sut, { sub: 'ann', exp: secondsFromNow(1) });
    const ends = client.closed;
    const ofAnother = errorData('forbidden', 'the token belongs to another user');
    for (const claims of [{ sub: 'bob' }, {}, { sub: 'ANN' }]) {
      await expect(client.request('refresh', { token: await signToken(claims) })).rejects.toEqual(ofAnother);
    }
    const subscription = await signToken({ sub: 'ann', channel: 'x' });
    for (const token of ['nonsense', subscription]) {
      await expect(client.request('refresh', { token })).rejects.toEqual(errorData('unauthorized'));
    }
    expect(await ends).toMatchObject({ code: CLOSE.unauthorized.code });
  });
});

describe('a connection that has reached the maximum age', () => {
  it('is asked to move, and closed with 1012 if it stays beyond its deadline', async () => {
    const sut = await startGateway(
      { drain: { window: 0.5 } },
      { HOLDFAST_MAX_CONNECTION_AGE: '0.5', HOLDFAST_DRAIN_SECONDS: undefined },
    );
    const client = await sut.connect();
    const { data } = await client.next('reconnect');
    const noticedAt = performance.now();
    expect(data).toEqual({ within: 500, reason: 'age' });
    expect(await client.request('ping')).toEqual({});
    expect(await client.closed).toEqual({ code: CLOSE.restart.code, reason: CLOSE.restart.reason });
    const stayed = performance.now() - noticedAt;
    expect(stayed).toBeGreaterThan(450);
    expect(stayed).toBeLessThan(1_500);
    expect(client.of('reconnect')).toHaveLength(1);
  });

  it('is asked at its own time, so that clients that connected together do not leave together', async () => {
    const sut = await startGateway(
      { drain: { window: 30 } },
      { HOLDFAST_MAX_CONNECTION_AGE: '5', HOLDFAST_DRAIN_SECONDS: undefined },
    );
    const begun = performance.now();
    const noticed = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await sut.connect();
        const watch = new Stopwatch();
        while (client.of('reconnect').length === 0) await once(client.webSocket, 'message');
        return { after: performance.now() - begun, elapsed: watch.elapsed };
      }),
    );
    const noticedAt = noticed.map(({ after }) => after);
    expect(Math.min(...noticedAt)).toBeGreaterThan(3_900);
    expect(Math.max(...noticed.map(({ elapsed }) => elapsed))).toBeLessThan(6_500);
    // More than the spread that checking the connections in turns would cause.
    expect(Math.max(...noticedAt) - Math.min(...noticedAt)).toBeGreaterThan(700);
  });

  it('is closed if it has not authenticated, because it has nothing to move', async () => {
    const sut = await startGateway(
      { connection: { authTimeout: 60 } },
      { HOLDFAST_ANONYMOUS: 'false', HOLDFAST_MAX_CONNECTION_AGE: '0.2' },
    );
    const client = new TestClient(new WebSocket(sut.webSocketUrl, [SUBPROTOCOL]));
    expect(await client.closed).toMatchObject({ code: CLOSE.restart.code });
    expect(client.frames).toEqual([]);
  });
});

describe('promise 7: a client that does not read', () => {
  const MAX_BUFFERED = 200_000;

  it('costs at most its budget, delays no other client, and is closed with 1013', async () => {
    const sut = await startGateway({ connection: { maxBuffered: MAX_BUFFERED } });
    const slow = await RawSocket.webSocket(sut.port);
    slow.write(clientFrame(TEXT, '{"event":"subscribe","id":1,"data":{"channel":"x"}}'));
    await slow.until((received) => received.includes('"id":1'));
    slow.socket.pause();
    const [quick, publisher] = [await sut.connect(), await sut.connect()];
    await quick.subscribe('x');

    const connections = sut.app.get(Connections);
    let published = 0;
    let mostBuffered = 0;
    while (connections.count === 3) {
      const begun = new Stopwatch();
      await publisher.publish('x', 'x'.repeat(50_000));
      published += 1;
      await quick.messages('x', published);
      expect(begun.elapsed).toBeLessThan(1_000);
      mostBuffered = Math.max(mostBuffered, ...connections.all().map(({ buffered }) => buffered));
      // The budget, and the buffers of the kernel on both sides.
      expect(published).toBeLessThan(1_000);
    }
    expect(quick.offsets('x')).toEqual(Array.from({ length: published }, (_, index) => index + 1));
    expect(mostBuffered).toBeGreaterThan(0);
    expect(mostBuffered).toBeLessThan(MAX_BUFFERED + 51_000);
    await expect.poll(() => metric(sut, 'holdfast_slow_consumers_total')).toBe(1);
    await expect.poll(() => metric(sut, 'holdfast_closes_total{code="1013"}')).toBe(1);
    await expect.poll(() => metric(sut, 'holdfast_subscriptions')).toBe(1);
  });

  it('receives the 1013 once it reads', async () => {
    const sut = await startGateway({ connection: { maxBuffered: MAX_BUFFERED } });
    const slow = await sut.connect();
    await slow.subscribe('x');
    slow.webSocket.pause();
    const publisher = await sut.connect();
    while ((await metric(sut, 'holdfast_slow_consumers_total')) === 0) await publisher.publish('x', 'x'.repeat(50_000));
    slow.webSocket.resume();
    expect(await slow.closed).toEqual({ code: CLOSE.overloaded.code, reason: CLOSE.overloaded.reason });
    // Nothing before it is missing.
    expect(slow.offsets('x')).toEqual(Array.from(slow.offsets('x'), (_, index) => index + 1));
  });

  it("cannot fill the gateway's memory with pongs either", async () => {
    const sut = await startGateway({ connection: { maxPayload: 32_768, maxBuffered: 70_000 }, limits: NO_LIMITS });
    const raw = await RawSocket.webSocket(sut.port);
    raw.socket.pause();
    const flood = Buffer.concat(Array.from({ length: 500 }, () => clientFrame(PING, 'x'.repeat(125))));
    const connections = sut.app.get(Connections);
    while (connections.count > 0) {
      raw.write(flood);
      await new Promise((resolve) => setImmediate(resolve));
      expect(Math.max(0, ...connections.all().map(({ buffered }) => buffered))).toBeLessThan(71_000);
    }
    await expect.poll(() => metric(sut, 'holdfast_slow_consumers_total')).toBe(1);
  });
});

describe('a client that closes', () => {
  it.each([1000, 1001, 3000, 4999])('with %i gets the same code back', async (code) => {
    const sut = await startGateway();
    const client = await sut.connect();
    client.webSocket.close(code, 'bye');
    expect(await client.closed).toEqual({ code, reason: 'bye' });
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(0));
    expect(await metric(sut, `holdfast_closes_total{code="${code}"}`)).toBeUndefined();
  });

  it('during its requests gets no more replies, and affects no other connection', async () => {
    const sut = await startGateway();
    const other = await sut.connect();
    const client = await sut.connect();
    const answer = Promise.withResolvers<{ epoch: string; offset: number }>();
    const publish = vi.spyOn(sut.app.get(ChannelsService), 'publishFrom').mockReturnValueOnce(answer.promise);
    for (let id = 1; id < 5; id += 1) client.send({ event: 'publish', id, data: { channel: 'x', data: id } });
    await vi.waitFor(() => expect(publish).toHaveBeenCalledOnce());
    await client.close();
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(1));
    answer.resolve({ epoch: 'e', offset: 1 });
    expect(await other.request('ping')).toEqual({});
    expect(publish).toHaveBeenCalledOnce();
  });
});

describe('1,000 clients that connect and disconnect', () => {
  it('leave nothing behind', async () => {
    const sut = await startGateway({ presence: { grace: 0 } });
    const rush = async (): Promise<void> => {
      for (let batch = 0; batch < 20; batch += 1) {
        const clients = await Promise.all(Array.from({ length: 50 }, () => TestClient.connect(sut.webSocketUrl)));
        await Promise.all(
          clients.map(async (client, index) => {
            await client.subscribe('chat:rush', { presence: true });
            await client.publish('chat:rush', { index }, 'key');
            // Every way to end a connection.
            if (index % 3 === 0) client.webSocket.terminate();
            else if (index % 3 === 1) client.webSocket.close(1000);
            else client.webSocket.send(Buffer.alloc(70_000));
            await client.closed;
          }),
        );
      }
      await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(0));
    };
    await rush();
    const before = await heapInUse();
    await rush();
    expect((await heapInUse()) - before).toBeLessThan(3_000_000);
    for (const gauge of ['holdfast_connections', 'holdfast_subscriptions', 'holdfast_channels']) {
      await expect.poll(() => metric(sut, gauge)).toBe(0);
    }
  });
});
