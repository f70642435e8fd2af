import { once } from 'node:events';
import { CLOSE, decodeRequest, EVENTS_WITH_ID, errorData, isBadFrame, type ErrorData } from '@holdfast/protocol';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ChannelsService } from '../src/channels/channels.service.js';
import { startGateway } from './support/gateway.js';
import { heapInUse } from './support/heap.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, CLOSE_FRAME, PING, RawSocket, TEXT } from './support/raw-socket.js';
import type { TestClient } from './support/test-client.js';

const invalid = (detail: string) => errorData('invalid', detail);
const invalidId = errorData('malformed', '"id" must be a safe integer or a string of 1-64 characters');

/** All frames with which the gateway answers a frame. */
async function answersTo(client: TestClient, frame: unknown): Promise<unknown[]> {
  const before = client.frames.length;
  client.send(frame);
  client.send({ event: 'ping', id: 'marker' });
  await vi.waitFor(() => expect(client.frames.slice(before).at(-1)).toMatchObject({ id: 'marker' }), {
    interval: 2,
  });
  return client.frames.slice(before, -1);
}

const channel = (name: unknown) => ({ event: 'subscribe', id: 1, data: { channel: name } });
const history = (data: object) => ({ event: 'history', id: 1, data: { channel: 'x', ...data } });
const publish = (data: unknown) => ({ event: 'publish', id: 1, data });

describe('promise 8: a bad frame is answered by one error', () => {
  it.each<[string, unknown, ErrorData, (string | number)?]>([
    ['invalid JSON', '{"event":', errorData('malformed', 'not JSON')],
    ['an empty frame', '', errorData('malformed', 'not JSON')],
    ['endlessly nested JSON', '['.repeat(60_000), errorData('malformed', 'not JSON')],
    ['null', 'null', errorData('malformed', 'not an object')],
    ['a number', '7', errorData('malformed', 'not an object')],
    ['a string', '"subscribe"', errorData('malformed', 'not an object')],
    ['an array', '[{"event":"ping"}]', errorData('malformed', 'not an object')],
    ['an empty object', {}, errorData('malformed', '"event" must be a string')],
    ['an event that is not a string', { event: 7, id: 1 }, errorData('malformed', '"event" must be a string'), 1],
    ['an unknown event', { event: 'fly', id: 'a' }, errorData('unknown_event'), 'a'],
    ['an unknown event without an id', { event: 'fly' }, errorData('unknown_event')],
    ['an event named like an inherited property', { event: 'constructor', id: 1 }, errorData('unknown_event'), 1],
    ['an event of the gateway itself', { event: 'reply', id: 1 }, errorData('unknown_event'), 1],
    ['another case', { event: 'Ping', id: 1 }, errorData('unknown_event'), 1],
    ['an id that is null', { event: 'ping', id: null }, invalidId],
    ['an id that is a boolean', { event: 'ping', id: true }, invalidId],
    ['an id that is empty', { event: 'ping', id: '' }, invalidId],
    ['an id of 65 characters', { event: 'ping', id: 'x'.repeat(65) }, invalidId],
    ['an id that is a fraction', { event: 'ping', id: 1.5 }, invalidId],
    ['an id that is not a safe integer', '{"event":"ping","id":9007199254740992}', invalidId],
    ['an id beyond every number', '{"event":"ping","id":1e999}', invalidId],
    ['an id that is an object', { event: 'ping', id: {} }, invalidId],
    ['an id that is an array', { event: 'ping', id: [1] }, invalidId],
    ['no data', publish(undefined), invalid('Invalid input: expected object, received undefined'), 1],
    ['data that is null', publish(null), invalid('Invalid input: expected object, received null'), 1],
    ['data that is an array', publish([]), invalid('Invalid input: expected object, received array'), 1],
    ['a publish without data', publish({ channel: 'x' }), invalid('data: required'), 1],
    [
      'a key that is empty',
      publish({ channel: 'x', data: 1, key: '' }),
      expect.objectContaining({ code: 'invalid' }),
      1,
    ],
    ['an unknown member', publish({ channel: 'x', data: 1, kye: 'k' }), invalid('Unrecognized key: "kye"'), 1],
    ['ping with data', { event: 'ping', id: 1, data: 7 }, expect.objectContaining({ code: 'invalid' }), 1],
    ['a channel that is not a string', channel(7), expect.objectContaining({ code: 'invalid' }), 1],
    ['a channel that is empty', channel(''), errorData('invalid_channel', 'channel'), 1],
    ['a channel with a space', channel('a b'), errorData('invalid_channel', 'channel'), 1],
    ['a channel with a line break', channel('a\n'), errorData('invalid_channel', 'channel'), 1],
    ['a channel that is not ASCII', channel('zimmer:küche'), errorData('invalid_channel', 'channel'), 1],
    ['a channel of 256 characters', channel('x'.repeat(256)), errorData('invalid_channel', 'channel'), 1],
    ['a channel without a user', channel('@'), errorData('invalid_channel', 'channel'), 1],
    ['history of -1', history({ limit: -1 }), expect.objectContaining({ code: 'invalid' }), 1],
    ['history of 0', history({ limit: 0 }), expect.objectContaining({ code: 'invalid' }), 1],
    ['history of 1e9', history({ limit: 1e9 }), expect.objectContaining({ code: 'invalid' }), 1],
    ['history of 1.5', history({ limit: 1.5 }), expect.objectContaining({ code: 'invalid' }), 1],
    ['history of a string', history({ limit: '10' }), expect.objectContaining({ code: 'invalid' }), 1],
    ['history since an empty position', history({ since: {} }), expect.objectContaining({ code: 'invalid' }), 1],
    ['history since a negative offset', history({ since: { epoch: 'e', offset: -1 } }), expect.anything(), 1],
  ])('%s', async (_name, frame, data, id) => {
    const client = await (await startGateway()).connect();
    expect(await answersTo(client, frame)).toEqual([{ event: 'error', ...(id === undefined ? {} : { id }), data }]);
  });

  it.each([...EVENTS_WITH_ID])('%s without an id', async (event) => {
    const client = await (await startGateway()).connect();
    const data = { channel: 'x', token: 'x' };
    expect(await answersTo(client, { event, data })).toEqual([{ event: 'error', data: errorData('id_required') }]);
  });

  it('a binary frame', async () => {
    const client = await (await startGateway()).connect();
    client.webSocket.send(Buffer.from('{"event":"ping","id":1}'));
    expect(await answersTo(client, { event: 'ping' })).toEqual([
      { event: 'error', data: errorData('binary_unsupported') },
    ]);
  });

  it('an id that belongs to an unanswered request; it can be used again after the reply', async () => {
    const sut = await startGateway();
    const client = await sut.connect();
    const slow = Promise.withResolvers<{ epoch: string; offset: number }>();
    vi.spyOn(sut.app.get(ChannelsService), 'publishFrom').mockReturnValueOnce(slow.promise);
    client.send(publish({ channel: 'x', data: 1 }));
    expect(await answersTo(client, publish({ channel: 'y', data: 2 }))).toEqual([
      { event: 'error', id: 1, data: errorData('id_reused') },
    ]);
    slow.resolve({ epoch: 'e', offset: 1 });
    await vi.waitFor(() =>
      expect(client.frames.at(-1)).toEqual({ event: 'reply', id: 1, data: { epoch: 'e', offset: 1 } }),
    );
    expect(await answersTo(client, { event: 'ping', id: 1 })).toEqual([{ event: 'reply', id: 1, data: {} }]);
  });

  it('each error is counted by its code', async () => {
    const sut = await startGateway();
    const client = await sut.connect();
    for (const frame of ['{', '[]', { event: 'fly' }, channel('a b')]) await answersTo(client, frame);
    await expect.poll(() => metric(sut, 'holdfast_bad_frames_total{code="malformed"}')).toBe(2);
    await expect.poll(() => metric(sut, 'holdfast_bad_frames_total{code="unknown_event"}')).toBe(1);
    await expect.poll(() => metric(sut, 'holdfast_bad_frames_total{code="invalid_channel"}')).toBe(1);
    await expect
      .poll(() => metric(sut, 'holdfast_refused_requests_total{event="subscribe",code="invalid_channel"}'))
      .toBe(1);
  });
});

describe('an id', () => {
  it.each([0, -1, 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 'a', ' ', 'x'.repeat(64), '"\n語\ud800', '1'])(
    'may be %j, and is returned unchanged',
    async (id) => {
      const client = await (await startGateway()).connect();
      expect(await answersTo(client, { event: 'ping', id })).toEqual([{ event: 'reply', id, data: {} }]);
    },
  );
});

describe('promise 8: a violation of the framing closes its connection with the code of the RFC, and affects no other', () => {
  const ping = clientFrame(TEXT, '{"event":"ping","id":1}');
  const oversized = clientFrame(TEXT, 'x'.repeat(65_537));

  it.each<[string, Buffer[], number, string]>([
    ['a frame beyond maxPayload', [oversized], CLOSE.tooBig.code, 'too_large'],
    [
      'fragments beyond maxPayload in all',
      [withoutFin(clientFrame(TEXT, 'x'.repeat(40_000))), withoutFin(clientFrame(0, 'x'.repeat(40_000)))],
      CLOSE.tooBig.code,
      'too_large',
    ],
    [
      'text that is not UTF-8',
      [clientFrame(TEXT, Buffer.from([0x22, 0xc3, 0x28, 0x22]))],
      CLOSE.invalidText.code,
      'malformed',
    ],
    ['a frame that is not masked', [Buffer.from([0x81, 0x02, 0x7b, 0x7d])], 1002, 'malformed'],
    ['a reserved kind of frame', [clientFrame(0x3, 'x')], 1002, 'malformed'],
    ['a ping of 126 bytes', [clientFrame(PING, 'x'.repeat(126))], 1002, 'malformed'],
    ['a fragment that continues nothing', [clientFrame(0x0, 'x')], 1002, 'malformed'],
  ])('%s', async (_name, frames, code, counted) => {
    const sut = await startGateway();
    const other = await sut.connect();
    const raw = await RawSocket.webSocket(sut.port);
    raw.write(...frames);
    await raw.until((received) => closeCodeOf(received) !== undefined);
    expect(closeCodeOf(raw.received)).toBe(code);
    await expect.poll(() => metric(sut, `holdfast_bad_frames_total{code="${counted}"}`)).toBe(1);
    await expect.poll(() => metric(sut, `holdfast_closes_total{code="${code}"}`)).toBe(1);
    // Nothing that it sends from now on is processed, and it is cut off if it does not close.
    raw.write(ping);
    await raw.closed;
    expect(raw.received.toString('latin1')).not.toContain('"reply"');
    await expect.poll(() => metric(sut, 'holdfast_connections')).toBe(1);
    expect(await other.request('ping')).toEqual({});
  });

  it('a publish of 1 MB', async () => {
    const client = await (await startGateway()).connect();
    client.send(publish({ channel: 'x', data: 'x'.repeat(1_000_000) }));
    expect(await client.closed).toMatchObject({ code: CLOSE.tooBig.code });
  });

  it('but not a frame of exactly maxPayload, which is accepted', async () => {
    const client = await (await startGateway()).connect();
    const empty = JSON.stringify({ event: 'ping', id: 1, more: '' }).length;
    const frame = JSON.stringify({ event: 'ping', id: 1, more: 'x'.repeat(65_536 - empty) });
    expect(frame).toHaveLength(65_536);
    expect(await answersTo(client, frame)).toEqual([{ event: 'reply', id: 1, data: {} }]);
  });

  it('and not fragments of one frame with a ping between them, which are one frame', async () => {
    const { port } = await startGateway();
    const raw = await RawSocket.webSocket(port);
    raw.write(
      withoutFin(clientFrame(TEXT, '{"event":"pi')),
      clientFrame(PING, 'are you there'),
      clientFrame(0x0, 'ng","id":1}'),
    );
    await raw.until((received) => received.includes('{"event":"reply","id":1,"data":{}}'));
    expect(raw.frames.includes(Buffer.from('\x8a\x0dare you there', 'latin1'))).toBe(true);
  });
});

function withoutFin(frame: Buffer): Buffer {
  frame[0] = (frame[0] ?? 0) & 0x7f;
  return frame;
}

/** The code of the close frame at the end of the received data. */
function closeCodeOf(received: Buffer): number | undefined {
  const at = received.indexOf(0x80 | CLOSE_FRAME, received.indexOf('\r\n\r\n'));
  return at === -1 || received.length < at + 4 ? undefined : received.readUInt16BE(at + 2);
}

const jsonFrame = fc.json({ maxDepth: 4 });
const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), jsonFrame);
const EVENTS = ['connect', 'subscribe', 'unsubscribe', 'publish', 'presence', 'history', 'refresh', 'ping'];
const anyChannel = fc.constantFrom('a', 'chat:b', '@me', '@ann', 'a b', '', 'constructor', '__proto__', 7, null);
// Few keys and channels: their legitimate memory must not hide a leak.
const nearlyValid = fc.record(
  {
    channel: anyChannel,
    data: fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constant('x'.repeat(5_000))),
    key: fc.constantFrom('k', 'l', ''),
    since: fc.oneof(fc.record({ epoch: fc.string(), offset: fc.oneof(fc.integer(), fc.double()) }), fc.jsonValue()),
    last: fc.oneof(fc.integer({ min: -2, max: 1_100 }), fc.double()),
    limit: fc.oneof(fc.integer(), fc.string()),
    reverse: fc.oneof(fc.boolean(), fc.string()),
    presence: fc.oneof(fc.boolean(), fc.integer()),
    token: fc.string(),
    __proto__: fc.jsonValue({ maxDepth: 1 }),
  },
  { requiredKeys: [] },
);
const anyRequest = fc.record(
  {
    event: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...EVENTS) }, { weight: 1, arbitrary: fc.string() }),
    data: fc.oneof({ weight: 4, arbitrary: nearlyValid }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) }),
  },
  { requiredKeys: ['event'] },
);

/** Random frames, each of which needs exactly one answer: every request has its own id. */
function randomFrames(count: number, seed: number): string[] {
  const frame = fc.oneof({ weight: 1, arbitrary: anyText }, { weight: 3, arbitrary: anyRequest });
  return fc
    .sample(frame, { numRuns: count, seed })
    .map((sample, index) => (typeof sample === 'string' ? sample : JSON.stringify({ ...sample, id: index })));
}

describe('promise 8: 10,000 random frames on one connection', () => {
  it('get exactly one answer each, and leave nothing behind', async () => {
    const sut = await startGateway({
      connection: { badFrames: { burst: 100_000 }, maxBuffered: 200_000_000 },
      limits: NO_LIMITS,
      namespaceDefaults: { history: { size: 10 } },
    });

    const abuse = async (seed: number): Promise<void> => {
      const frames = randomFrames(10_000, seed);
      const webSocket = new WebSocket(sut.webSocketUrl);
      const answers = new Map<unknown, number>();
      let total = 0;
      webSocket.on('message', (data: Buffer) => {
        const { event, id } = JSON.parse(data.toString()) as { event: string; id?: unknown };
        if (event !== 'reply' && event !== 'error') return;
        total += 1;
        answers.set(id, (answers.get(id) ?? 0) + 1);
      });
      await once(webSocket, 'open');
      for (const frame of frames) webSocket.send(frame);
      await vi.waitFor(() => expect(total).toBe(10_000), { timeout: 30_000, interval: 20 });
      expect(webSocket.readyState).toBe(WebSocket.OPEN);

      const decoded = frames.map(decodeRequest);
      for (const { id } of decoded) if (id !== undefined) expect(answers.get(id)).toBe(1);
      expect(answers.get(undefined)).toBe(decoded.filter(({ id }) => id === undefined).length);
      // The sample would prove little if all frames were refused for the same reason.
      expect(decoded.filter((frame) => !isBadFrame(frame)).length).toBeGreaterThan(5_000);
      webSocket.close();
      await once(webSocket, 'close');
      await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(0));
    };

    await abuse(1);
    const before = await heapInUse();
    await abuse(2);
    expect((await heapInUse()) - before).toBeLessThan(2_000_000);
    await expect.poll(() => metric(sut, 'holdfast_subscriptions')).toBe(0);
    await expect.poll(() => metric(sut, 'holdfast_channels')).toBe(0);
  });

  it('end in 1008 if abuse is not permitted, and other clients are served', async () => {
    const sut = await startGateway();
    const other = await sut.connect();
    const abuser = await sut.connect();
    for (let i = 0; i < 10_000; i += 1) abuser.send('no JSON');
    expect(await abuser.closed).toEqual({ code: CLOSE.abuse.code, reason: CLOSE.abuse.reason });
    // The burst, what has recovered meanwhile, and the one that is too many.
    expect(abuser.of('error').length).toBeGreaterThanOrEqual(101);
    expect(abuser.of('error').length).toBeLessThan(150);
    expect(await other.request('ping')).toEqual({});
  });
});
