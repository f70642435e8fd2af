import type { Position } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { startGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { Pod, settled } from './support/pod.js';
import type { TestClient } from './support/test-client.js';

const CHANNEL = 'chat:lobby';

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function publish(client: TestClient, count: number, data: string = 'x'): Promise<Position> {
  let position = { epoch: '', offset: 0 };
  for (let n = 0; n < count; n += 1) position = await client.publish(CHANNEL, data);
  return position;
}

describe('promise 3: a client that resumes within the retention receives each missed message exactly once', () => {
  it('after a reply with recovered: true, and before anything newer', async () => {
    const gateway = await startGateway();
    const publisher = await gateway.connect();
    const before = await gateway.connect();
    await before.subscribe(CHANNEL);
    const since = await publish(publisher, 3);
    await before.messages(CHANNEL, 3);
    before.webSocket.terminate();
    await publish(publisher, 4);

    const back = await gateway.connect();
    expect(await back.subscribe(CHANNEL, { since })).toEqual({
      channel: CHANNEL,
      epoch: since.epoch,
      offset: 7,
      recovered: true,
      replay: 4,
    });
    await publish(publisher, 2);
    await back.messages(CHANNEL, 6);
    expect(back.offsets(CHANNEL)).toEqual(range(4, 9));
    expect(back.frames.map(({ event }) => event)).toEqual(['welcome', 'reply', ...Array(6).fill('message')]);
  });

  it('on any pod', async () => {
    const [here, there] = await startGatewaysOnOneBroker([{ HOLDFAST_NODE: 'here' }, { HOLDFAST_NODE: 'there' }]);
    if (here === undefined || there === undefined) throw new Error('expected two gateways');
    const publisher = await here.connect();
    const before = await here.connect();
    const since = await before.subscribe(CHANNEL);
    await before.close();
    await publish(publisher, 3);
    const back = await there.connect();
    expect(back.welcome.node).toBe('there');
    expect(await back.subscribe(CHANNEL, { since: { epoch: since.epoch, offset: since.offset } })).toMatchObject({
      recovered: true,
      replay: 3,
    });
    await publish(publisher, 1);
    await back.messages(CHANNEL, 4);
    expect(back.offsets(CHANNEL)).toEqual(range(1, 4));
  });

  it('while a publisher continues as fast as it can', async () => {
    const gateway = await startGateway({ namespaceDefaults: { history: { size: 10_000 } } });
    const publisher = await gateway.connect();
    const since = await publish(publisher, 5);
    const clients = await Promise.all(range(1, 10).map(() => gateway.connect()));
    const end = since.offset + 500;
    const replays: (number | undefined)[] = [];
    await Promise.all([
      (async () => {
        for (let n = 0; n < 500; n += 5) {
          await Promise.all(range(n, n + 4).map(() => publisher.publish(CHANNEL, { n, text: 'x'.repeat(200) })));
        }
      })(),
      ...clients.map(async (client, index) => {
        await vi.waitFor(() => expect(publisher.of('reply').length).toBeGreaterThan(index * 40), {
          interval: 1,
        });
        replays.push((await client.subscribe(CHANNEL, { since })).replay);
      }),
    ]);
    for (const client of clients) {
      await client.messages(CHANNEL, 500);
      expect(client.offsets(CHANNEL)).toEqual(range(since.offset + 1, end));
    }
    // Some subscribed while it was publishing.
    expect(replays.some((replay = 0) => replay > 0 && replay < 500)).toBe(true);
  });

  it('or an empty replay with recovered: true if it missed nothing, even without a history', async () => {
    const gateway = await startGateway({ namespaces: { bare: { history: { size: 0 } } } });
    for (const channel of ['chat:x', 'bare:x']) {
      const client = await gateway.connect();
      await client.subscribe(channel);
      const since = await client.publish(channel, 1);
      expect(await (await gateway.connect()).subscribe(channel, { since })).toEqual({
        channel,
        ...since,
        recovered: true,
        replay: 0,
      });
    }
    const alone = await gateway.connect();
    const since = await alone.publish('bare:alone', 1);
    expect(await alone.subscribe('bare:alone', { since })).toMatchObject({ ...since, recovered: true, replay: 0 });
  });

  it('or recovered: false if the history does not reach back, and continues from the position of the reply', async () => {
    const gateway = await startGateway({
      namespaces: { short: { history: { size: 2 } }, bare: { history: { size: 0 } } },
    });
    const publisher = await gateway.connect();
    for (const channel of ['short:x', 'bare:x']) {
      const since = await publisher.publish(channel, 1);
      for (let n = 0; n < 3; n += 1) await publisher.publish(channel, n);
      const back = await gateway.connect();
      const start = { channel, epoch: since.epoch, offset: 4 };
      expect(await back.subscribe(channel, { since })).toEqual({ ...start, recovered: false, replay: 0 });
      await publisher.publish(channel, 5);
      await back.messages(channel, 1);
      expect(back.offsets(channel)).toEqual([5]);
    }
  });

  it('or recovered: false after the TTL of the history', async () => {
    const gateway = await startGateway({ namespaces: { brief: { history: { ttl: 0.1 } } } });
    const publisher = await gateway.connect();
    const since = await publisher.publish('brief:x', 1);
    await publisher.publish('brief:x', 2);
    await expect
      .poll(async () => (await publisher.request('history', { channel: 'brief:x' })).publications.length)
      .toBe(0);
    expect(await publisher.subscribe('brief:x', { since })).toEqual({
      channel: 'brief:x',
      epoch: since.epoch,
      offset: 2,
      recovered: false,
      replay: 0,
    });
  });

  it.each<[string, (position: Position) => Position]>([
    ['the future', ({ epoch, offset }) => ({ epoch, offset: offset + 1 })],
    ['another epoch', ({ offset }) => ({ epoch: 'another', offset })],
    ['the future of another epoch', () => ({ epoch: 'another', offset: Number.MAX_SAFE_INTEGER })],
  ])('or recovered: false if its position is from %s', async (_what, sinceOf) => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    const position = await publish(client, 3);
    const start = { channel: CHANNEL, ...position };
    expect(await client.subscribe(CHANNEL, { since: sinceOf(position) })).toEqual({
      ...start,
      recovered: false,
      replay: 0,
    });
    await client.publish(CHANNEL, 4);
    await client.messages(CHANNEL, 1);
    expect(client.offsets(CHANNEL)).toEqual([4]);
  });

  it.each([
    ['messages', { maxMessages: 3 }, 'x', 3],
    ['bytes', { maxBytes: 4096 }, 'x'.repeat(1_200), 3],
  ])('or recovered: false if it missed more than a replay may contain: %s', async (_what, replay, data, most) => {
    const gateway = await startGateway({ replay });
    const publisher = await gateway.connect();
    const { epoch } = await publish(publisher, most + 1, data);
    const [late, later] = [await gateway.connect(), await gateway.connect()];
    expect(await late.subscribe(CHANNEL, { since: { epoch, offset: 1 } })).toMatchObject({
      recovered: true,
      replay: most,
    });
    expect(await later.subscribe(CHANNEL, { since: { epoch, offset: 0 } })).toEqual({
      channel: CHANNEL,
      epoch,
      offset: most + 1,
      recovered: false,
      replay: 0,
    });
    await late.messages(CHANNEL, most);
    expect(later.offsets(CHANNEL)).toEqual([]);
  });

  it('and the epoch of a channel outlives its last subscriber and all publications', async () => {
    const gateway = await startGateway({ namespaces: { brief: { history: { ttl: 0.1 } } } });
    const client = await gateway.connect();
    await client.subscribe('brief:x');
    const since = await client.publish('brief:x', 1);
    await client.request('unsubscribe', { channel: 'brief:x' });
    await expect
      .poll(async () => (await client.request('history', { channel: 'brief:x' })).publications.length)
      .toBe(0);
    expect(await client.subscribe('brief:x', { since })).toMatchObject({ ...since, recovered: true });
  });
});

describe('a replay', () => {
  const file = {
    replay: { maxBytes: 1_048_576 },
    namespaceDefaults: { history: { size: 1_000 } },
  };

  async function podWithHistory(count: number, maxBuffered = 8192): Promise<{ pod: Pod; since: Position }> {
    const pod = await Pod.start({ file: { ...file, connection: { maxPayload: 4096, maxBuffered } } });
    const publisher = pod.connect();
    const { epoch } = await publisher.request('publish', { channel: CHANNEL, data: 0 });
    for (let n = 1; n < count; n += 1)
      await publisher.request('publish', { channel: CHANNEL, data: 'x'.repeat(1_000) });
    return { pod, since: { epoch, offset: 0 } };
  }

  it("is paced by the socket: however large it is, it stays within the connection's budget and does not close it", async () => {
    const { pod, since } = await podWithHistory(500);
    const client = pod.connect();
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since });
    let most = 0;
    while (client.offsets.length < 500) {
      await settled();
      most = Math.max(most, client.connection.buffered);
      client.socket.resumeWrites();
      client.socket.pauseWrites();
    }
    expect(most).toBeLessThanOrEqual(8192);
    expect(client.webSocket.closedWith).toBeUndefined();
    expect(client.offsets).toEqual(range(1, 500));
  });

  it('delays live messages until it is sent, and these are paced as well', async () => {
    const { pod, since } = await podWithHistory(400, 65_536);
    const [publisher, client] = [pod.connect(), pod.connect()];
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since });
    let published = 400;
    while (client.offsets.length < 600) {
      await settled();
      expect(client.connection.unwritten).toBeLessThanOrEqual(65_536);
      client.socket.resumeWrites();
      client.socket.pauseWrites();
      // More than the budget in total, but never at once.
      const { length } = client.offsets;
      for (; published < 600 && published < Math.max(400 + length / 8, length + 50); published += 1) {
        await publisher.request('publish', { channel: CHANNEL, data: 'y'.repeat(1_000) });
      }
    }
    client.socket.resumeWrites();
    await publisher.request('publish', { channel: CHANNEL, data: 'the end' });
    await vi.waitFor(() => expect(client.offsets).toHaveLength(601));
    expect(client.webSocket.closedWith).toBeUndefined();
    expect(client.received).toEqual(['reply 400', ...range(1, 601).map((offset) => `message ${offset}`)]);
  });

  it('costs a client that does not read no more than its budget: the connection is closed when live messages exceed it', async () => {
    const { pod, since } = await podWithHistory(100);
    const [publisher, client] = [pod.connect(), pod.connect()];
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since });
    await settled();
    for (let n = 0; n < 5; n += 1) await publisher.request('publish', { channel: CHANNEL, data: 'y'.repeat(1_000) });
    expect(client.webSocket.closedWith).toBeUndefined();
    for (let n = 0; n < 5; n += 1) await publisher.request('publish', { channel: CHANNEL, data: 'y'.repeat(1_000) });
    expect(client.webSocket.closedWith).toBe(1013);
    expect(client.connection.unwritten).toBeLessThanOrEqual(8192);
  });

  it('continues after another channel has filled the socket and then fallen silent', async () => {
    const { pod, since } = await podWithHistory(20);
    const [publisher, client] = [pod.connect(), pod.connect()];
    await client.subscribe('chat:other');
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since });
    await settled();
    await publisher.request('publish', { channel: 'chat:other', data: 'z'.repeat(3_500) });
    await settled();
    client.socket.resumeWrites();
    await vi.waitFor(() => expect(client.of('message')).toHaveLength(21));
  });

  it('ends with its subscription', async () => {
    const { pod, since } = await podWithHistory(100);
    const [publisher, client] = [pod.connect(), pod.connect()];
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since });
    await settled();
    client.send('unsubscribe', { channel: CHANNEL });
    await publisher.request('publish', { channel: CHANNEL, data: 'the end' });
    await settled();
    client.socket.resumeWrites();
    await settled();
    const sent = client.offsets.length;
    expect(sent).toBeLessThan(100);
    expect(client.received).toEqual(['reply 100', ...range(1, sent).map((offset) => `message ${offset}`), 'reply']);

    // The client can continue where it stopped.
    await client.subscribe(CHANNEL, { since: { ...since, offset: sent } });
    await vi.waitFor(() => expect(client.offsets).toEqual(range(1, 101)));
  });

  it('ends with its connection, and continues if the client returns', async () => {
    const { pod, since } = await podWithHistory(100);
    const client = pod.connect();
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since });
    await settled();
    client.socket.resumeWrites();
    client.disconnect();
    await settled();
    const seen = client.offsets;
    expect(seen.length).toBeLessThan(100);
    const back = pod.connect({ session: client.session });
    await back.subscribe(CHANNEL, { since: { ...since, offset: seen.length } });
    await vi.waitFor(() => expect([...seen, ...back.offsets]).toEqual(range(1, 100)));
    expect(await pod.metric('holdfast_subscriptions')).toBe(1);
  });

  it('does not delay other channels or clients', async () => {
    const { pod, since } = await podWithHistory(100);
    const [publisher, slow, other] = [pod.connect(), pod.connect(), pod.connect()];
    slow.socket.pauseWrites();
    slow.send('subscribe', { channel: CHANNEL, since });
    await other.subscribe(CHANNEL, { since });
    await publisher.request('publish', { channel: CHANNEL, data: 'live' });
    await vi.waitFor(() => expect(other.offsets).toEqual(range(1, 101)));
    slow.send('subscribe', { channel: 'chat:other' });
    await settled();
    await publisher.request('publish', { channel: 'chat:other', data: 'meanwhile' });
    slow.socket.resumeWrites();
    await vi.waitFor(() => expect(slow.of('message')).toHaveLength(102));
    const place = slow.frames.findIndex(({ data }) => data['data'] === 'meanwhile');
    expect(place).toBeLessThan(slow.frames.length - 1);
  });

  it('holds back the joins and leaves that happen meanwhile, in their order', async () => {
    const { pod, since } = await podWithHistory(100);
    const client = pod.connect();
    client.socket.pauseWrites();
    client.send('subscribe', { channel: CHANNEL, since, presence: true });
    await settled();
    const guest = pod.connect();
    await guest.subscribe(CHANNEL);
    await guest.request('publish', { channel: CHANNEL, data: 'hello' });
    guest.disconnect(1000);
    await settled();
    client.socket.resumeWrites();
    await vi.waitFor(() => expect(client.received.at(-1)).toBe('leave'));
    expect(client.received.slice(-4)).toEqual(['message 100', 'join', 'message 101', 'leave']);
  });

  it('arrives completely over a real socket at a client that starts to read late', async () => {
    const gateway = await startGateway({
      replay: { maxMessages: 1_000, maxBytes: 67_108_864 },
      namespaceDefaults: { history: { size: 1_000 } },
    });
    const publisher = await gateway.connect();
    const { epoch, offset } = await publish(publisher, 400, 'x'.repeat(50_000));
    const client = await gateway.connect();
    client.webSocket.pause();
    client.send({ event: 'subscribe', id: 1, data: { channel: CHANNEL, since: { epoch, offset: 0 } } });
    await vi.waitFor(async () => {
      expect(await publisher.request('presence', { channel: CHANNEL })).toMatchObject({ count: 1 });
    });
    await publisher.publish(CHANNEL, 'live');
    client.webSocket.resume();
    await client.messages(CHANNEL, 401);
    expect(client.offsets(CHANNEL)).toEqual(range(1, offset + 1));
  });
});
