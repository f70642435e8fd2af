import { setImmediate } from 'node:timers/promises';
import { CLOSE, ERRORS, SUBPROTOCOL } from '@holdfast/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Connections } from '../src/connection/connections.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { heapInUse } from './support/heap.js';
import { MemorySocket } from './support/memory-socket.js';
import { Mutator } from './support/mutator.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, TEXT, upgradeRequest } from './support/raw-socket.js';

/** `npm run fuzz` runs 5 million inputs; every test run some, with another seed each day. */
const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 30_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const TIMEOUT = 60_000 + INPUTS * 2;

const RATE = { burst: 1_000_000_000, perSecond: 1_000_000_000 };
const FILE = {
  connection: { badFrames: { burst: 100_000 }, maxBuffered: 200_000_000, maxPayload: 16_384 },
  limits: { ...NO_LIMITS, connectionRate: { perPod: RATE, perAddress: RATE }, trustedHops: 1 },
  // The legitimate memory of the frames must not hide a leak.
  namespaceDefaults: { history: { size: 2, ttl: 0.5 }, positionTtl: 0.5 },
  presence: { grace: 0 },
  keyWindow: 1,
};

const buffers = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text, 'latin1'));

const EVENTS = ['connect', 'subscribe', 'unsubscribe', 'publish', 'presence', 'history', 'refresh', 'ping'];
const request = fc.record(
  {
    event: fc.constantFrom(...EVENTS),
    id: fc.oneof(fc.nat(), fc.string({ maxLength: 8 })),
    data: fc.record(
      {
        channel: fc.constantFrom('a', 'chat:b', '@me', '@ann', 'price:x/1', 'a b', ''),
        data: fc.jsonValue({ maxDepth: 3 }),
        key: fc.constantFrom('k', 'l'),
        since: fc.record({ epoch: fc.string({ maxLength: 8 }), offset: fc.integer() }),
        last: fc.integer({ min: -1, max: 20 }),
        limit: fc.integer({ min: -1, max: 20 }),
        reverse: fc.boolean(),
        presence: fc.boolean(),
        token: fc.string({ maxLength: 40 }),
        session: fc.string({ maxLength: 40 }),
      },
      { requiredKeys: ['channel'] },
    ),
  },
  { requiredKeys: ['event'] },
);
const frameTexts = fc.sample(request, { numRuns: 3_000, seed: SEED }).map((sample) => JSON.stringify(sample));
const JSON_WORDS = buffers([
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '\\',
  '\\u0000',
  '\\ud800',
  'null',
  'true',
  '1e999',
  '-0',
  '9007199254740993',
  '"__proto__":{"x":1},',
  '"constructor":',
  '"toString"',
  '"id":null,',
  '"id":1,"id":2,',
  '"event":"reply",',
  '[[[[[[[[[[[[[[[[',
  '{"a":{"a":{"a":',
  '@me',
  '@%',
  '%2e%2e',
  '\u00ff\u00fe',
  '"channel":"@me",',
]);

const HEAD_WORDS = buffers([
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\x0b',
  '\r\n\r\n',
  '\r\n ',
  'HTTP/1.0',
  'HTTP/2.0',
  'h2c',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: y\r\n',
  'Upgrade: h2c\r\n',
  'Connection: close\r\n',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n',
  'Sec-WebSocket-Protocol: a, a\r\n',
  'X-Forwarded-For: ,,1.2.3.4,[::1]:5,::ffff:9.9.9.9%x\r\n',
  'Authorization: Bearer a.b.c\r\n',
  'Origin: null\r\n',
  'Cookie: a=b; token=c\r\n',
  '?access_token=',
  '&session=',
  '%00',
  '%',
  '/../',
  '//',
  '#',
  '?',
  'http://x/ws',
  '*',
]);
const heads = [
  upgradeRequest(),
  upgradeRequest({ path: '/ws?access_token=a.b.c&session=x' }),
  upgradeRequest({ headers: { 'Sec-WebSocket-Protocol': `${SUBPROTOCOL}, bearer.a.b.c` } }),
  upgradeRequest({ headers: { Origin: 'https://a.test', 'X-Forwarded-For': '1.2.3.4, 5.6.7.8' } }),
  upgradeRequest({ headers: { Authorization: 'Bearer a.b.c', Cookie: 'token=x' } }),
  upgradeRequest({ path: '/health/live', headers: { Upgrade: undefined, Connection: 'keep-alive' } }),
  upgradeRequest({ method: 'POST', path: '/api/publish', headers: { Upgrade: undefined, 'Content-Length': '2' } }),
];

const framings = [
  ...frameTexts.slice(0, 50).map((text) => clientFrame(TEXT, text)),
  ...[0x0, 0x2, 0x8, 0x9, 0xa].map((opcode) => clientFrame(opcode, 'x')),
  clientFrame(TEXT, 'x'.repeat(126)),
  clientFrame(TEXT, 'x'.repeat(65_536)),
  clientFrame(0x8, Buffer.from([0x03, 0xe8])),
  clientFrame(0x8, Buffer.from([0x03, 0xe9, 0x62, 0x79, 0x65])),
];
const FRAMING_WORDS = [
  [0x81],
  [0x01],
  [0x80],
  [0x88, 0x80],
  [0xff],
  [0xfe, 0xff, 0xff],
  [0xff, 0x7f, 0xff, 0xff],
  [0xc1],
].map((bytes) => Buffer.from(bytes));

function open(sut: TestGateway): MemorySocket {
  const socket = new MemorySocket();
  socket.on('error', () => undefined);
  sut.app.getHttpServer().emit('connection', socket);
  return socket;
}

async function openWebSocket(sut: TestGateway): Promise<MemorySocket> {
  const socket = open(sut);
  socket.feed(Buffer.from(upgradeRequest()));
  let text = '';
  for (let turn = 0; turn < 50 && !text.includes('"welcome"'); turn += 1) {
    await setImmediate();
    text += socket.written().toString();
  }
  expect(text).toContain('HTTP/1.1 101');
  return socket;
}

interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Every frame that the gateway sent; each must be complete, final and unmasked (RFC 6455, section 5.1). */
function framesOf(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    const [first, short] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
    expect(first & 0xf0).toBe(0x80);
    expect(short & 0x80).toBe(0);
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    expect(bytes.length).toBeGreaterThanOrEqual(at + header + length);
    frames.push({ opcode: first & 0x0f, payload: bytes.subarray(at + header, at + header + length) });
    at += header + length;
  }
  return frames;
}

const CLOSE_CODES: ReadonlySet<number> = new Set(Object.values(CLOSE).map(({ code }) => code));

/** Checks that the gateway may send this frame, whatever it received. */
function check({ opcode, payload }: ServerFrame): void {
  if (opcode === 0x8) {
    // Without a code it answers a close frame that had none; otherwise it may echo the client's.
    if (payload.length >= 2) expect(payload.readUInt16BE()).toSatisfy(isCloseCode);
    return;
  }
  if (opcode !== TEXT) {
    expect([0x9, 0xa]).toContain(opcode);
    return;
  }
  const { event, data } = JSON.parse(payload.toString()) as { event: string; data: { code?: string } };
  if (event !== 'error') return;
  expect(data.code).toSatisfy((code: string) => Object.hasOwn(ERRORS, code));
  expect(data.code, payload.toString()).not.toBe('internal');
}

function isCloseCode(code: number): boolean {
  return CLOSE_CODES.has(code) || (code >= 1000 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/** Runs the inputs twice, and measures what the second run leaves behind. */
async function withoutLeak(sut: TestGateway, inputs: number, play: (inputs: number) => Promise<void>): Promise<void> {
  await play(Math.min(inputs, 3_000));
  const before = await heapInUse();
  const begun = performance.now();
  await play(inputs);
  const seconds = (performance.now() - begun) / 1_000;
  expect(sut.app.get(Connections).count).toBe(0);
  // Positions and idempotency keys expire after a second.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const left = (await heapInUse()) - before;
  console.log(`${inputs} inputs, seed ${SEED}: ${seconds.toFixed(1)} s, heap ${(left / 1_048_576).toFixed(2)} MiB`);
  expect(left).toBeLessThan(8_000_000);
}

async function closed(sut: TestGateway): Promise<void> {
  for (let turn = 0; turn < 100 && sut.app.get(Connections).count > 0; turn += 1) await setImmediate();
}

describe('promise 8: random input', () => {
  it('as a text frame gets an answer, closes nothing and leaves nothing behind', { timeout: TIMEOUT }, async () => {
    const sut = await startGateway(FILE);
    const mutator = new Mutator(buffers(frameTexts), JSON_WORDS, SEED);
    await withoutLeak(sut, Math.ceil(INPUTS * 0.6), async (inputs) => {
      let socket = await openWebSocket(sut);
      for (let done = 0; done < inputs; done += 100) {
        // Inputs that were mutated as bytes are sent as text, so that the framing has nothing to refuse.
        const frames = Array.from({ length: 100 }, () => clientFrame(TEXT, mutator.next().toString('latin1')));
        const sentinel = `sentinel-${done}`;
        socket.feed(Buffer.concat([...frames, clientFrame(TEXT, `{"event":"ping","id":"${sentinel}"}`)]));
        let bytes = Buffer.alloc(0);
        for (let turn = 0; turn < 10_000 && !bytes.includes(sentinel); turn += 1) {
          await setImmediate();
          bytes = Buffer.concat([bytes, socket.written()]);
        }
        expect(bytes.includes(sentinel)).toBe(true);
        const answers = framesOf(bytes);
        for (const frame of answers) check(frame);
        expect(answers.every(({ opcode }) => opcode !== 0x8)).toBe(true);
        if (done % 10_000 === 0) {
          socket.destroy();
          await closed(sut);
          socket = await openWebSocket(sut);
        }
      }
      socket.destroy();
      await closed(sut);
    });
  });

  it('as an upgrade gets an HTTP response, and never an internal error', { timeout: TIMEOUT }, async () => {
    const sut = await startGateway(FILE, { HOLDFAST_ALLOWED_ORIGINS: 'https://a.test' });
    const mutator = new Mutator(buffers(heads), HEAD_WORDS, SEED);
    const statuses = new Map<string, number>();
    await withoutLeak(sut, Math.ceil(INPUTS * 0.3), async (inputs) => {
      for (let done = 0; done < inputs; done += 50) {
        const sockets = Array.from({ length: 50 }, () => {
          const socket = open(sut);
          const input = mutator.next();
          socket.feed(input);
          return { socket, input };
        });
        for (let turn = 0; turn < 6; turn += 1) await setImmediate();
        for (const { socket, input } of sockets) {
          const answer = socket.written().toString('latin1');
          const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 'none';
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (answer !== '') expect(status, input.toString('latin1')).toMatch(/^(?:101|200|4\d\d)$/);
          // A connection without an answer has not completed its request, or asked for a tunnel.
          if (answer === '' && input.toString('latin1').trimStart().includes('\r\n\r\n'))
            expect(input.toString('latin1')).toMatch(/CONNECT|Content-|Transfer|Expect/i);
          socket.destroy();
        }
        await closed(sut);
      }
    });
    console.log(Object.fromEntries([...statuses].toSorted(([one], [other]) => one.localeCompare(other))));
    expect(statuses.get('101')).toBeGreaterThan(0);
  });

  it('as the bytes of frames closes at most its own connection', { timeout: TIMEOUT }, async () => {
    const sut = await startGateway(FILE);
    const mutator = new Mutator(framings, FRAMING_WORDS, SEED);
    await withoutLeak(sut, Math.ceil(INPUTS * 0.1), async (inputs) => {
      for (let done = 0; done < inputs; done += 50) {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => openWebSocket(sut)));
        for (const socket of sockets) socket.feed(mutator.next());
        for (let turn = 0; turn < 6; turn += 1) await setImmediate();
        for (const socket of sockets) {
          for (const frame of framesOf(socket.written())) check(frame);
          socket.destroy();
        }
        await closed(sut);
      }
    });
    expect(await (await sut.connect()).request('ping')).toEqual({});
  });
});
