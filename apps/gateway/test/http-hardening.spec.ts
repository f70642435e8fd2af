import { errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { API_KEY, startGateway, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';
import { RawSocket, upgradeRequest } from './support/raw-socket.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

const KEY = `X-API-Key: ${API_KEY}\r\nContent-Type: application/json\r\n`;
const post = (headers: string, body = ''): string =>
  `POST /api/publish HTTP/1.1\r\nHost: x\r\n${KEY}${headers}\r\n${body}`;
const get = (line: string, headers = 'Host: x\r\n'): string => `${line}\r\n${headers}\r\n`;
const LIVE = 'GET /health/live HTTP/1.1';

/** The statuses of all responses to this text, once the gateway has closed the connection. */
async function statuses(port: number, text: string): Promise<number[]> {
  const raw = await RawSocket.connect(port);
  raw.write(Buffer.from(text, 'latin1'));
  await raw.closed;
  return [...raw.received.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}

function ports({ port, managementUrl }: TestGateway): number[] {
  return [port, Number(new URL(managementUrl).port)];
}

describe('promise 8: a request that two servers may read differently is refused on both ports', () => {
  // RFC 9112, sections 2.2, 3.2, 5.1, 5.2, 6.1, 6.3, 7.1 and 11.2
  it.each<[string, string]>([
    ['a length and chunks', post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${get(LIVE)}`)],
    ['chunks and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 6\r\n', `0\r\n\r\n${get(LIVE)}`)],
    ['two lengths', post('Content-Length: 6\r\nContent-Length: 0\r\n', 'abcdef')],
    ['the same length twice', post('Content-Length: 6\r\nContent-Length: 6\r\n', 'abcdef')],
    ['a list of lengths', post('Content-Length: 6, 6\r\n', 'abcdef')],
    ['a length with a sign', post('Content-Length: +6\r\n', 'abcdef')],
    ['a negative length', post('Content-Length: -6\r\n', 'abcdef')],
    ['a length in hexadecimal', post('Content-Length: 0x6\r\n', 'abcdef')],
    ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
    ['chunks that are not the last coding', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')],
    ['two codings', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n')],
    ['a coding after a control character', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n')],
    ['a chunk size with a sign', post('Transfer-Encoding: chunked\r\n', '+0\r\n\r\n')],
    ['an overflowing chunk size', post('Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\n')],
    ['a chunk extension with a bare LF', post('Transfer-Encoding: chunked\r\n', '0;a\n\r\n\r\n')],
    ['a folded header', get(LIVE, 'Host: x\r\nX-A: a\r\n b\r\n')],
    ['a bare LF', `${LIVE}\nHost: x\n\n`],
    ['a bare LF after a header', get(LIVE, 'Host: x\nX-A: b\r\n')],
    ['a bare CR', get(LIVE, 'Host: x\rX-A: b\r\n')],
    ['a space before the colon', get(LIVE, 'Host : x\r\n')],
    ['a space in a name', get(LIVE, 'Host: x\r\nX A: a\r\n')],
    ['a null byte', get(LIVE, 'Host: x\r\nX-A: a\0b\r\n')],
    ['two hosts', get(LIVE, 'Host: x\r\nHost: y\r\n')],
    ['two API keys', get('GET /api/channels HTTP/1.1', 'Host: x\r\nAuthorization: Bearer a\r\nAuthorization: b\r\n')],
    ['no host', get(LIVE, '')],
    ['a space in the target', get('GET /health/live /x HTTP/1.1')],
    ['a version in lower case', get('GET /health/live http/1.1')],
    ['an unsupported version', get('GET /health/live HTTP/2.0')],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s', async (_name, text) => {
    const sut = await startGateway();
    const [port = 0, managementPort = 0] = ports(sut);
    expect(await statuses(port, text)).toEqual([400]);
    // The management port responds to the head, with 404, before it detects what is wrong with the body.
    expect((await statuses(managementPort, text)).filter((status) => status !== 404)).toEqual([400]);
    expect(await metric(sut, 'holdfast_published_total')).toBe(0);
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['a body', { 'Content-Length': '5' }],
    ['chunks', { 'Transfer-Encoding': 'chunked' }],
    ['two hosts', { Host: 'a\r\nHost: b' }],
    ['two keys', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' }],
  ])('an upgrade with %s', async (_name, headers) => {
    const { port } = await startGateway();
    expect(await statuses(port, `${upgradeRequest({ headers })}hello`)).toEqual([400]);
  });

  it('an upgrade of HTTP/1.0', async () => {
    const { port } = await startGateway();
    expect(await statuses(port, upgradeRequest().replace('HTTP/1.1', 'HTTP/1.0'))).toEqual([400]);
  });

  it('data after a refused upgrade is not read as a request', async () => {
    const { port } = await startGateway();
    const refused = upgradeRequest({ headers: { 'Sec-WebSocket-Version': '8' } });
    expect(await statuses(port, refused + get('GET /api/channels HTTP/1.1', `Host: x\r\n${KEY}`))).toEqual([426]);
  });

  it('a tunnel', async () => {
    const sut = await startGateway();
    for (const port of ports(sut)) expect(await statuses(port, 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n')).toEqual([]);
  });
});

describe('promise 8: a response', () => {
  it('to an unreadable request is an error of the catalogue', async () => {
    const { port } = await startGateway();
    const raw = await RawSocket.connect(port);
    raw.write('nonsense\r\n\r\n');
    const { status, body, headers } = await raw.answer();
    expect({ status, body }).toEqual({ status: 400, body: errorData('malformed', 'not HTTP/1.1') });
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('to an oversized head reports that, and the limit is configurable', async () => {
    const sut = await startGateway({ limits: { maxHeader: 4_096 } });
    for (const port of ports(sut)) {
      const raw = await RawSocket.connect(port);
      raw.write(get(LIVE, `Host: x\r\nX-A: ${'a'.repeat(5_000)}\r\n`));
      expect(await raw.answer()).toMatchObject({ status: 431, body: errorData('headers_too_large') });
    }
    const raw = await RawSocket.connect(sut.port);
    raw.write(get(LIVE, `Host: x\r\nConnection: close\r\nX-A: ${'a'.repeat(3_000)}\r\n`));
    expect(await raw.answer()).toMatchObject({ status: 200 });
  });

  it('has security headers, and names no product', async () => {
    const sut = await startGateway();
    const answers = await Promise.all([
      fetch(`${sut.url}/health`),
      fetch(`${sut.url}/api/channels`),
      fetch(`${sut.url}/nowhere`),
      fetch(`${sut.url}/ws`),
      fetch(`${sut.managementUrl}/metrics`),
      fetch(`${sut.managementUrl}/nowhere`),
    ]);
    for (const { headers, url } of answers) {
      expect(headers.get('x-content-type-options'), url).toBe('nosniff');
      expect(headers.get('content-security-policy'), url).toContain("default-src 'none'");
      expect(headers.get('server'), url).toBeNull();
      expect(headers.get('x-powered-by'), url).toBeNull();
    }
    const raw = await RawSocket.connect(sut.port);
    raw.write(upgradeRequest({ path: '/elsewhere' }));
    const { headers } = await raw.answer();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('server')).toBeNull();
  });

  it('to a method other than GET on the management port is 405', async () => {
    const { managementUrl } = await startGateway();
    const answer = await fetch(`${managementUrl}/metrics`, { method: 'POST', body: 'x' });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });
});

describe('promise 8: an incomplete request', () => {
  it('is ended in time on both ports, whether the client sends nothing or a little now and then', async () => {
    const sut = await startGateway({ limits: { upgradeTimeout: 1 } });
    const begun = new Stopwatch();
    const slow = await Promise.all(
      ports(sut).flatMap((port) => [RawSocket.connect(port), RawSocket.connect(port), RawSocket.connect(port)]),
    );
    slow.forEach((raw, index) => {
      if (index % 3 > 0) raw.write(upgradeRequest().slice(0, -2));
    });
    const drip = setInterval(() => slow.forEach((raw, index) => index % 3 === 2 && raw.write('X-A: a\r\n')), 100);
    const answers = await Promise.all(slow.map((raw) => raw.answer()));
    clearInterval(drip);
    expect(begun.elapsed).toBeLessThan(4_000);
    for (const answer of answers) expect(answer).toMatchObject({ status: 408, body: errorData('request_timeout') });
  });
});

describe('promise 7: connections that are not WebSockets', () => {
  it('1,000 half-open upgrades keep no other client out, and leave nothing behind', async () => {
    const sut = await startGateway({ limits: { pending: 200, upgradeTimeout: 3 } });
    const before = await sut.connect();
    const half = upgradeRequest({ headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } }).slice(0, -2);
    const slow: RawSocket[] = [];
    for (let batch = 0; batch < 20; batch += 1) {
      const some = await Promise.all(Array.from({ length: 50 }, () => RawSocket.connect(sut.port)));
      some.forEach((raw) => raw.write(half));
      slow.push(...some);
      const begun = new Stopwatch();
      const client = await sut.connect();
      expect(await client.request('ping')).toEqual({});
      expect((await fetch(`${sut.url}/health/live`)).status).toBe(200);
      expect(begun.elapsed).toBeLessThan(2_000);
      await client.close();
    }
    expect(await metric(sut, 'holdfast_pending_sockets')).toBeLessThanOrEqual(200);
    await expect.poll(() => metric(sut, 'holdfast_limited_total{limit="pending"}')).toBeGreaterThanOrEqual(700);
    await Promise.all(slow.map((raw) => raw.closed));
    expect(await before.request('ping')).toEqual({});
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(1));
    // fetch keeps its own connections.
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_pending_sockets')).toBeLessThan(10));
  });

  it('that wait for their next request are closed before one with a request in progress', async () => {
    const sut = await startGateway({ limits: { pending: 5 } });
    const { ChannelsService } = await import('../src/channels/channels.service.js');
    const stored = Promise.withResolvers<{ epoch: string; offset: number }>();
    const publish = vi.spyOn(sut.app.get(ChannelsService), 'publish').mockReturnValueOnce(stored.promise);
    const request = post('Content-Length: 24\r\nConnection: close\r\n', '{"channel":"x","data":1}');
    const busy = await RawSocket.connect(sut.port);
    busy.write(request);
    await vi.waitFor(() => expect(publish).toHaveBeenCalledOnce());
    for (let n = 0; n < 50; n += 1) await RawSocket.connect(sut.port);
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_limited_total{limit="pending"}')).toBe(45));
    stored.resolve({ epoch: 'e', offset: 1 });
    expect(await busy.answer()).toMatchObject({ status: 200, body: { epoch: 'e', offset: 1 } });
  });

  it('that are refused by a close code are counted until they are closed', async () => {
    const sut = await startGateway({ limits: { pending: 5 } });
    const refused = upgradeRequest({ path: '/ws?access_token=x', headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } });
    for (let n = 0; n < 20; n += 1) {
      const raw = await RawSocket.connect(sut.port);
      raw.write(refused);
      await raw.until((received) => received.includes('\r\n\r\n'));
    }
    expect(await metric(sut, 'holdfast_pending_sockets')).toBeLessThanOrEqual(5);
    await expect(sut.connect()).resolves.toBeDefined();
  });
});
