import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants, deflateRawSync } from 'node:zlib';
import { CLOSE } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Hub } from '../src/channels/hub.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { heapInUse } from './support/heap.js';
import { kernelWrites } from './support/kernel-writes.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, RawSocket, TEXT } from './support/raw-socket.js';
import { Pod, settled } from './support/pod.js';
import { TestClient } from './support/test-client.js';

const FROM = 500;
const FILE = {
  limits: NO_LIMITS,
  namespaces: { big: { compressFrom: FROM }, price: { compressFrom: FROM, conflate: true } },
};

const OFFER = 'permessage-deflate; client_max_window_bits';

/** Compresses well, and differs by number. */
const large = (n: number): { n: number; text: string } => ({ n, text: 'the same words again '.repeat(50) });

const compressing = (gateway: TestGateway): Promise<TestClient> => connected(gateway, { perMessageDeflate: true });

const plain = (gateway: TestGateway): Promise<TestClient> => connected(gateway, { perMessageDeflate: false });

async function connected(gateway: TestGateway, options: object): Promise<TestClient> {
  const client = await TestClient.connect(gateway.webSocketUrl, [], options);
  onTestFinished(() => client.webSocket.terminate());
  return client;
}

/** The answer to an offer; undefined if it was declined. */
async function answerTo(gateway: TestGateway, offer?: string): Promise<string | undefined> {
  const socket = await RawSocket.webSocket(
    gateway.port,
    '/ws',
    offer === undefined ? {} : { 'Sec-WebSocket-Extensions': offer },
  );
  return /^Sec-WebSocket-Extensions: (.*)\r$/m.exec(socket.received.toString('latin1'))?.[1];
}

/** A compressed message of a client: RSV1 is set (RFC 7692, section 6). */
function compressedFrame(payload: string | Buffer, options = {}): Buffer {
  const flushed = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, ...options });
  return withRsv1(clientFrame(TEXT, flushed.subarray(0, -4)));
}

function withRsv1(frame: Buffer): Buffer {
  return Buffer.concat([Buffer.from([frame.readUInt8(0) | 0x40]), frame.subarray(1)]);
}

function withoutFin(frame: Buffer): Buffer {
  return Buffer.concat([Buffer.from([frame.readUInt8(0) & 0x7f]), frame.subarray(1)]);
}

function ping(id: number, padding = ''): string {
  return JSON.stringify({ event: 'ping', id, padding });
}

/** A raw client whose offer was accepted, after its welcome. */
async function rawCompressing(gateway: TestGateway): Promise<RawSocket> {
  const socket = await RawSocket.webSocket(gateway.port, '/ws', { 'Sec-WebSocket-Extensions': OFFER });
  await socket.until((received) => received.includes('"welcome"'));
  return socket;
}

const lastClose = (socket: RawSocket): number => {
  const frames = socket.frames;
  return frames.readUInt16BE(frames.lastIndexOf(Buffer.from([0x88])) + 2);
};

function bytesOf(client: TestClient): number {
  const { _socket: socket } = client.webSocket as unknown as { _socket: { bytesRead: number } };
  return socket.bytesRead;
}

describe('permessage-deflate is agreed on', () => {
  it('if a namespace compresses and the client offers it, without context takeover', async () => {
    const gateway = await startGateway(FILE);
    expect(await answerTo(gateway, 'permessage-deflate')).toBe(
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    );
    expect(await answerTo(gateway, OFFER)).toBe(
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    );
    expect(await answerTo(gateway)).toBeUndefined();
  });

  it('with the smaller windows that a client asks for, or not at all', async () => {
    const gateway = await startGateway(FILE);
    const windows = await answerTo(gateway, 'permessage-deflate; server_max_window_bits=13; client_max_window_bits=10');
    expect(windows?.split('; ').toSorted()).toEqual([
      'client_max_window_bits=10',
      'client_no_context_takeover',
      'permessage-deflate',
      'server_max_window_bits=12',
      'server_no_context_takeover',
    ]);
    expect(await answerTo(gateway, 'permessage-deflate; server_max_window_bits=9')).toBeUndefined();
    expect(await answerTo(gateway, 'permessage-deflate; server_max_window_bits=9, permessage-deflate')).toBe(
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    );
  });

  it.each([
    'permessage-bzip2',
    'permessage-deflate; unknown',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=x',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
    '; ,',
  ])('and never for the offer "%s", which connects without', async (offer) => {
    expect(await answerTo(await startGateway(FILE), offer)).toBeUndefined();
  });

  it('and never if no namespace compresses', async () => {
    const gateway = await startGateway();
    expect(await answerTo(gateway, OFFER)).toBeUndefined();
    expect((await compressing(gateway)).webSocket.extensions).toBe('');
  });
});

describe('a message', () => {
  it('is compressed once for all who agreed, and plain for all others', async () => {
    const gateway = await startGateway(FILE);
    const writes = kernelWrites(gateway.app.getHttpServer());
    const clients = await Promise.all([
      ...Array.from({ length: 5 }, () => compressing(gateway)),
      ...Array.from({ length: 5 }, () => plain(gateway)),
    ]);
    // Alternating, so that neither kind is served as a block.
    for (const index of [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]) await clients[index]?.subscribe('big:1');
    writes.length = 0;
    const hub = gateway.app.get(Hub);
    for (const offset of [1, 2, 3]) {
      hub.onPublication('big:1', { offset, time: 1, payload: JSON.stringify({ data: large(offset) }) });
    }
    for (const client of clients) {
      const messages = await client.messages('big:1', 3);
      expect(messages.map(({ data }) => data['data'])).toEqual([large(1), large(2), large(3)]);
    }
    // Joined once for each kind, too.
    expect(writes).toHaveLength(10);
    const chunks = [...new Set(writes.map(({ chunk }) => chunk))] as Buffer[];
    expect(chunks).toHaveLength(2);
    expect(new Set(chunks.map((chunk) => chunk.readUInt8(0)))).toEqual(new Set([0x81, 0xc1]));
    const [one = 0, other = 0] = chunks.map(({ length }) => length).toSorted((a, b) => a - b);
    expect(one).toBeLessThan(other / 4);
    const before = await metric(gateway, 'holdfast_compression_in_bytes_total');
    const after = await metric(gateway, 'holdfast_compression_out_bytes_total');
    expect(before).toBe(5 * other);
    expect(after).toBe(5 * one);
  });

  it('stays plain if it is small, of another namespace or too large', async () => {
    const gateway = await startGateway({ ...FILE, connection: { maxPayload: 1_000_000, maxBuffered: 10_000_000 } });
    const client = await compressing(gateway);
    const received = async (channel: string, data: string): Promise<number> => {
      const before = bytesOf(client);
      const count = client.offsets(channel).length;
      gateway.app.get(Hub).onPublication(channel, { offset: count + 1, time: 1, payload: JSON.stringify({ data }) });
      const message = (await client.messages(channel, count + 1)).at(-1);
      expect(message?.data['data']).toBe(data);
      return bytesOf(client) - before;
    };
    await client.subscribe('big:1');
    await client.subscribe('room:1');
    expect(await received('big:1', 'x'.repeat(FROM))).toBeLessThan(FROM);
    expect(await received('big:1', 'x'.repeat(FROM - 150))).toBeGreaterThan(FROM - 150);
    expect(await received('room:1', 'x'.repeat(FROM))).toBeGreaterThan(FROM);
    expect(await received('big:1', 'x'.repeat(300_000))).toBeGreaterThan(300_000);
  });

  it('reaches clients in order, whatever its size, also after a replay', async () => {
    const gateway = await startGateway(FILE);
    const publisher = await plain(gateway);
    const first = await publisher.subscribe('big:1');
    const publish = (n: number): Promise<unknown> => publisher.publish('big:1', n % 3 === 0 ? n : large(n));
    for (let n = 1; n <= 20; n += 1) await publish(n);
    const clients = await Promise.all([compressing(gateway), plain(gateway)]);
    const joining = clients.map((client) => client.subscribe('big:1', { since: { epoch: first.epoch, offset: 0 } }));
    for (let n = 21; n <= 60; n += 1) await publish(n);
    await Promise.all(joining);
    for (const client of clients) {
      await client.messages('big:1', 60);
      expect(client.offsets('big:1')).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    }
  });

  it('is received by the WebSocket of Node', async () => {
    const gateway = await startGateway(FILE);
    const webSocket = new WebSocket(gateway.webSocketUrl);
    onTestFinished(() => webSocket.close());
    const texts: string[] = [];
    webSocket.addEventListener('message', ({ data }) => void texts.push(String(data)));
    await once(webSocket, 'open');
    expect(webSocket.extensions).toContain('permessage-deflate');
    webSocket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { channel: 'big:1' } }));
    await vi.waitFor(() => expect(texts.some((text) => text.includes('"reply"'))).toBe(true));
    webSocket.send(JSON.stringify({ event: 'publish', data: { channel: 'big:1', data: large(1) } }));
    await vi.waitFor(() => expect(texts.at(-1)).toContain('the same words'));
    expect(await metric(gateway, 'holdfast_compression_out_bytes_total')).toBeGreaterThan(0);
  });
});

describe('promise 8: what clients send compressed', () => {
  it('is unpacked, in one frame or several, mixed with plain frames and in order', async () => {
    const gateway = await startGateway(FILE);
    const socket = await rawCompressing(gateway);
    const whole = deflateRawSync(ping(3, 'x'.repeat(2_000)), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    socket.write(
      compressedFrame(ping(1)),
      clientFrame(TEXT, ping(2)),
      withRsv1(withoutFin(clientFrame(TEXT, whole.subarray(0, 10)))),
      withoutFin(clientFrame(0, whole.subarray(10, 20))),
      clientFrame(0, whole.subarray(20)),
      ...Array.from({ length: 500 }, (_, index) => compressedFrame(ping(index + 4))),
    );
    await socket.until((received) => received.includes('"id":503,'));
    const ids = [...socket.frames.toString('latin1').matchAll(/"event":"reply","id":(\d+)/g)].map(([, id]) =>
      Number(id),
    );
    expect(ids).toEqual(Array.from({ length: 503 }, (_, index) => index + 1));
  });

  it.each<[string, () => Buffer[], number, string]>([
    [
      'that unpacks to more than maxPayload',
      () => [compressedFrame('x'.repeat(65_537))],
      CLOSE.tooBig.code,
      'too_large',
    ],
    ['a zip bomb', () => [compressedFrame(Buffer.alloc(50_000_000))], CLOSE.tooBig.code, 'too_large'],
    [
      'in fragments that unpack to more than maxPayload in all',
      () => {
        const data = deflateRawSync('x'.repeat(70_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
        return [withRsv1(withoutFin(clientFrame(TEXT, data.subarray(0, 20)))), clientFrame(0, data.subarray(20))];
      },
      CLOSE.tooBig.code,
      'too_large',
    ],
    ['that is not compressed data', () => [withRsv1(clientFrame(TEXT, Buffer.alloc(50, 0xff)))], 1007, 'malformed'],
    ['that is not UTF-8', () => [compressedFrame(Buffer.from([0x22, 0xc3, 0x28, 0x22]))], 1007, 'malformed'],
    [
      'that refers to what an earlier message contained, its own or another',
      () => [compressedFrame('the secret of somebody', { dictionary: Buffer.from('the secret of somebody') })],
      1007,
      'malformed',
    ],
    [
      'whose further fragment is marked as compressed',
      () => [withRsv1(withoutFin(clientFrame(TEXT, 'x'))), withRsv1(clientFrame(0, 'x'))],
      1002,
      'malformed',
    ],
  ])('closes the connection and no other: %s', async (_name, frames, code, counted) => {
    const gateway = await startGateway(FILE);
    const other = await compressing(gateway);
    const socket = await rawCompressing(gateway);
    other.send({ event: 'publish', id: 1, data: { channel: 'big:1', data: 'the secret of somebody'.repeat(50) } });
    await other.answer(1);
    socket.write(...frames());
    await socket.closed;
    expect(lastClose(socket)).toBe(code);
    expect(await metric(gateway, `holdfast_bad_frames_total{code="${counted}"}`)).toBe(1);
    expect(await metric(gateway, `holdfast_closes_total{code="${code}"}`)).toBe(1);
    other.send({ event: 'ping', id: 2 });
    await other.answer(2);
  });

  it.each([{}, { namespaces: FILE.namespaces }])('is refused with 1002 without negotiation (%j)', async (file) => {
    const gateway = await startGateway(file);
    const socket = await RawSocket.webSocket(gateway.port, '/ws', {});
    socket.write(compressedFrame('{"event":"ping","id":1}'));
    await socket.closed;
    expect(lastClose(socket)).toBe(1002);
  });

  it('counts unpacked against the rates, and waits while its connection is not read', async () => {
    const bytes = { burst: 200_000, perSecond: 50_000 };
    const gateway = await startGateway({ namespaces: FILE.namespaces, limits: { ...NO_LIMITS, bytes } });
    const socket = await rawCompressing(gateway);
    const frames = Array.from({ length: 20 }, (_, index) => compressedFrame(ping(index + 1, 'x'.repeat(50_000))));
    expect(Buffer.concat(frames).length).toBeLessThan(5_000);
    const begin = performance.now();
    socket.write(...frames);
    await socket.until((received) => received.includes('"id":8,'));
    // 8 × 50 KB, of which 200 KB come at once.
    expect(performance.now() - begin).toBeGreaterThan(1_000);
    expect(socket.frames.includes('"id":20,')).toBe(false);
  });

  it('takes no memory of its connection afterwards', async () => {
    const gateway = await startGateway(FILE);
    const count = 200;
    const sockets = await Promise.all(Array.from({ length: count }, () => rawCompressing(gateway)));
    const send = async (id: number): Promise<void> => {
      for (const socket of sockets) socket.write(compressedFrame(JSON.stringify({ event: 'ping', id })));
      for (const socket of sockets) await socket.until((received) => received.includes(`"id":${id},`));
    };
    // The first one creates the inflater.
    sockets[0]?.write(compressedFrame('{"event":"ping","id":1}'));
    await sockets[0]?.until((received) => received.includes('"id":1,'));
    const before = await heapInUse();
    await send(2);
    // An inflater of `ws` takes more than 30 KB.
    expect(((await heapInUse()) - before) / count).toBeLessThan(8_000);
  });
});

describe('promise 7: a slow consumer with compression', () => {
  const SMALL = { ...FILE, connection: { maxPayload: 10_000, maxBuffered: 200_000 } };

  it('is charged for the bytes that wait, which are compressed', async () => {
    const pod = await Pod.start({ file: SMALL });
    const clients = [pod.connect({ compresses: true }), pod.connect()];
    const publisher = pod.connect();
    for (const client of clients) await client.subscribe('big:a');
    for (const { socket } of clients) socket.pauseWrites();
    for (let n = 1; n <= 50; n += 1) {
      await publisher.request('publish', { channel: 'big:a', data: 'x'.repeat(5_000) });
      await settled();
    }
    expect(clients.map(({ webSocket }) => webSocket.closedWith)).toEqual([undefined, CLOSE.overloaded.code]);
    expect(clients[0]?.connection.buffered).toBeLessThan(10_000);
    clients[0]?.socket.resumeWrites();
    await vi.waitFor(() => expect(clients[0]?.offsets).toEqual(Array.from({ length: 50 }, (_, index) => index + 1)));
  });

  it('gets only the latest message, if its namespace says that only that one matters', async () => {
    const pod = await Pod.start({ file: SMALL });
    const publisher = pod.connect();
    const client = pod.connect({ compresses: true });
    await client.subscribe('price:a');
    client.socket.pauseWrites();
    for (let n = 1; n <= 200; n += 1) {
      await publisher.request('publish', { channel: 'price:a', data: randomBytes(2_500).toString('hex') });
      await settled();
      expect(client.connection.buffered).toBeLessThanOrEqual(200_000);
    }
    expect(client.webSocket.closedWith).toBeUndefined();
    expect(await pod.metric('holdfast_conflated_total')).toBeGreaterThan(50);
    client.socket.resumeWrites();
    await vi.waitFor(() => expect(client.offsets.at(-1)).toBe(200));
  });
});
