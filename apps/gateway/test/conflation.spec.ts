import { describe, expect, it, vi } from 'vitest';
import { CLOSE } from '@holdfast/protocol';
import { Pod, settled, type PodClient } from './support/pod.js';
import { ScriptedBroker, EPOCH, publication } from './support/scripted-broker.js';
import { NO_LIMITS } from './support/no-limits.js';

const FILE = {
  limits: NO_LIMITS,
  connection: { maxPayload: 10_000, maxBuffered: 200_000 },
  namespaces: { price: { conflate: true } },
};

const large = (n: number): { n: number; text: string } => ({ n, text: 'x'.repeat(5_000) });

/** A client that has stopped reading, and whose socket is full. */
async function stalled(pod: Pod, ...channels: string[]): Promise<PodClient> {
  const client = pod.connect();
  for (const channel of channels) await client.subscribe(channel);
  client.socket.pauseWrites();
  return client;
}

/** The offsets of the received messages of a channel. */
function offsets(client: PodClient, channel: string): number[] {
  return client
    .of('message')
    .filter(({ data }) => data['channel'] === channel)
    .map(({ data }) => data['offset'] as number);
}

describe('promise 7: a slow consumer of a namespace with conflation', () => {
  it('does not receive superseded messages, and stays connected', async () => {
    const pod = await Pod.start({ file: FILE });
    const publisher = pod.connect();
    const reply = await pod.connect().subscribe('price:a');
    expect(reply.conflated).toBe(true);
    const client = await stalled(pod, 'price:a', 'price:b');
    for (let n = 1; n <= 500; n += 1) {
      await publisher.request('publish', { channel: 'price:a', data: large(n) });
      if (n === 20) await publisher.request('publish', { channel: 'price:b', data: large(n) });
      await settled();
      expect(client.connection.buffered).toBeLessThanOrEqual(200_000);
    }
    expect(client.webSocket.closedWith).toBeUndefined();
    expect(await pod.metric('holdfast_conflated_total')).toBeGreaterThan(300);
    client.socket.resumeWrites();
    await vi.waitFor(() => expect(offsets(client, 'price:a').at(-1)).toBe(500));
    const received = offsets(client, 'price:a');
    expect(received).toEqual(received.toSorted((one, other) => one - other));
    expect(new Set(received).size).toBe(received.length);
    // The latest message of a channel without further messages has arrived as well.
    expect(offsets(client, 'price:b')).toEqual([1]);
    // It continues as usual.
    await publisher.request('publish', { channel: 'price:a', data: 0 });
    await vi.waitFor(() => expect(offsets(client, 'price:a').at(-1)).toBe(501));
  });

  it('receives everything as long as it keeps up', async () => {
    const pod = await Pod.start({ file: FILE });
    const [publisher, client] = [pod.connect(), pod.connect()];
    await client.subscribe('price:a');
    for (let n = 1; n <= 200; n += 1) await publisher.request('publish', { channel: 'price:a', data: large(n) });
    await settled();
    expect(client.offsets).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect(await pod.metric('holdfast_conflated_total')).toBe(0);
  });

  it('is closed if conflation is not enough, because messages of other namespaces are never dropped', async () => {
    const pod = await Pod.start({ file: FILE });
    const publisher = pod.connect();
    expect((await publisher.subscribe('chat:a')).conflated).toBeUndefined();
    await publisher.request('unsubscribe', { channel: 'chat:a' });
    const client = await stalled(pod, 'price:a', 'chat:a');
    let published = 0;
    while (client.webSocket.closedWith === undefined && published < 100) {
      published += 1;
      await publisher.request('publish', { channel: 'chat:a', data: large(published) });
      await publisher.request('publish', { channel: 'price:a', data: large(published) });
      await settled();
    }
    expect(client.webSocket.closedWith).toBe(CLOSE.overloaded.code);
    expect(await pod.metric('holdfast_slow_consumers_total')).toBe(1);
    // One price takes space, and everything else was chat.
    expect(published).toBeGreaterThan(25);
    client.socket.resumeWrites();
    await settled();
    const received = offsets(client, 'chat:a');
    expect(received).toEqual(Array.from(received, (_, index) => index + 1));
  });

  it('still receives a gap, and what follows it', async () => {
    const broker = new ScriptedBroker();
    const pod = await Pod.start({ broker, file: FILE });
    const client = pod.connect();
    const subscribing = client.subscribe('price:a');
    await settled();
    broker.subscribes[0]?.resolve({ epoch: EPOCH, offset: 0 });
    await subscribing;
    client.socket.pauseWrites();
    const payload = JSON.stringify({ data: large(0) });
    for (let n = 1; n <= 50; n += 1) broker.events.onPublication('price:a', { ...publication(n), payload });
    broker.events.onGap('price:a', { epoch: 'F', offset: 7 });
    for (let n = 8; n <= 60; n += 1) broker.events.onPublication('price:a', { ...publication(n), payload });
    await settled();
    expect(client.webSocket.closedWith).toBeUndefined();
    client.socket.resumeWrites();
    await vi.waitFor(() => expect(client.received.at(-1)).toBe('message 60'));
    const gap = client.received.indexOf('gap 7');
    expect(gap).toBeGreaterThan(0);
    const [before, after] = [client.received.slice(1, gap), client.received.slice(gap + 1)];
    for (const part of [before, after]) {
      const numbers = part.map((event) => Number(event.split(' ')[1]));
      expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    }
    expect(after.every((event) => Number(event.split(' ')[1]) > 7)).toBe(true);
  });

  it('that is subscribing does not receive messages that were superseded before the reply', async () => {
    const broker = new ScriptedBroker();
    const pod = await Pod.start({ broker, file: FILE });
    const client = pod.connect();
    const subscribing = client.subscribe('price:a', { last: 5 });
    await settled();
    broker.subscribes[0]?.resolve({ epoch: EPOCH, offset: 0 });
    await settled();
    const payload = JSON.stringify({ data: large(0) });
    for (let n = 1; n <= 500; n += 1) broker.events.onPublication('price:a', { ...publication(n), payload });
    expect(client.connection.buffered).toBeLessThanOrEqual(200_000);
    expect(client.webSocket.closedWith).toBeUndefined();
    broker.histories[0]?.resolve({
      epoch: EPOCH,
      offset: 2,
      publications: [publication(2), publication(1)],
      complete: true,
    });
    expect(await subscribing).toMatchObject({ offset: 2, replay: 2, conflated: true });
    await vi.waitFor(() => expect(client.offsets.at(-1)).toBe(500));
    expect(client.offsets.slice(0, 2)).toEqual([1, 2]);
    expect(client.connection.buffered).toBe(0);
  });
});

describe('promise 7: the messages that wait for one connection', () => {
  it('are bounded for all of its subscriptions together', async () => {
    const broker = new ScriptedBroker();
    const pod = await Pod.start({ broker, file: { limits: NO_LIMITS, connection: FILE.connection } });
    const client = pod.connect();
    for (let n = 0; n < 10; n += 1) void client.subscribe(`chat:${n}`, { last: 5 }).catch(() => undefined);
    await settled();
    for (const call of broker.subscribes) call.resolve({ epoch: EPOCH, offset: 0 });
    await settled();
    const payload = JSON.stringify({ data: large(0) });
    let published = 0;
    for (let offset = 1; offset <= 20; offset += 1) {
      for (let n = 0; n < 10 && client.webSocket.closedWith === undefined; n += 1, published += 1) {
        broker.events.onPublication(`chat:${n}`, { ...publication(offset), payload });
      }
    }
    // 200 kB of messages of 5 kB each, plus the reserve for a replay.
    expect(published).toBeGreaterThan(35);
    expect(published).toBeLessThan(55);
    expect(client.webSocket.closedWith).toBe(CLOSE.overloaded.code);
  });

  it('are also bounded for all of its replays together', async () => {
    const pod = await Pod.start({ file: { limits: NO_LIMITS, replay: { maxBytes: 50_000 } } });
    const publisher = pod.connect();
    for (let n = 0; n < 30; n += 1) {
      for (let m = 0; m < 8; m += 1) await publisher.request('publish', { channel: `chat:${n}`, data: large(m) });
    }
    const history = vi.spyOn(pod.broker, 'history');
    const client = pod.connect();
    client.socket.pauseWrites();
    for (let n = 0; n < 30; n += 1) client.send('subscribe', { channel: `chat:${n}`, last: 8 });
    for (let n = 0; n < 10; n += 1) await settled();
    // Four of the maximum size, and the part that the socket has already taken.
    expect(history.mock.calls.length).toBeLessThan(8);
    client.socket.resumeWrites();
    await vi.waitFor(() => expect(client.of('message')).toHaveLength(240));
  });
});
