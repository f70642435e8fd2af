import { createServer, type AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EPOCH, FakeGateway } from './fake-gateway.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';
import { Running, type RunOptions } from './test-io.js';

const API_KEY = 'an-api-key-of-tests';
const TOKEN = 'header.payload.signature';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

let gateway: FakeGateway;
beforeEach(async () => {
  gateway = await FakeGateway.start();
});
afterEach(() => gateway.stop());

function publish(args: string[], options: RunOptions = {}): Running {
  return new Running(['publish', ...args], options);
}

async function fails(sut: Running, exitCode: number): Promise<string> {
  expect(await sut.exitCode).toBe(exitCode);
  expect(sut.stdout).toBe('');
  expect(sut.stderr).toMatch(/^holdfast: .*\n$/);
  expect(sut.stderr).not.toContain(API_KEY);
  expect(sut.stderr).not.toContain(TOKEN);
  return sut.stderr;
}

describe('holdfast publish over a WebSocket', () => {
  it('prints the position once it is stored, and exits', async () => {
    const sut = publish(['room', '{"text":"hello"}', '--key', 'k1', '--url', gateway.url]);
    expect(await sut.exitCode).toBe(0);
    expect(sut.json).toEqual([{ epoch: EPOCH, offset: 1 }]);
    expect(sut.stderr).toBe('');
    expect(gateway.requestsOf('publish')).toEqual([{ channel: 'room', data: { text: 'hello' }, key: 'k1' }]);
  });

  it('connects with the token of the environment, or of a file', async () => {
    await publish(['room', '1', '--url', gateway.url], { env: { HOLDFAST_CLI_TOKEN: TOKEN } }).exitCode;
    expect(gateway.latest.token).toBe(TOKEN);

    const args = ['room', '1', '--url', gateway.url, '--token-file', file('token', 'from.a.file\n')];
    await publish(args, { env: { HOLDFAST_CLI_TOKEN: TOKEN } }).exitCode;
    expect(gateway.latest.token).toBe('from.a.file');
  });

  it.each([
    ['JSON of stdin', ['room'], '[1,2]\n', [1, 2]],
    ['JSON of stdin for -', ['room', '-'], 'null', null],
    ['a negative number', ['room', '-5'], '', -5],
    ['an argument as text', ['room', '[hello]', '--text'], '', '[hello]'],
    ['stdin as text, without the final newline', ['room', '--text'], 'two\nlines\n', 'two\nlines'],
    ['an empty text', ['room', '', '--text'], '', ''],
  ])('publishes %s', async (_name, args, stdin, expected) => {
    const sut = publish([...args, '--url', gateway.url], { stdin });
    expect(await sut.exitCode, sut.stderr).toBe(0);
    expect(gateway.requestsOf('publish')).toMatchObject([{ data: expected }]);
  });

  it.each([
    ['invalid JSON', ['room', 'hello'], '', '--text'],
    ['an empty stdin', ['room'], '', '--text'],
    ['stdin that is not UTF-8', ['room', '--text'], Uint8Array.of(0xff), 'UTF-8'],
  ])('refuses %s', async (_name, args, stdin, expected) => {
    expect(await fails(publish([...args, '--url', gateway.url], { stdin }), 2)).toContain(expected);
    expect(gateway.connections).toHaveLength(0);
  });

  it('exits with 1 if the publish is refused, and says what to do', async () => {
    gateway.script = (request, connection) => {
      connection.refuse(request, 'forbidden', 'not permitted');
      return true;
    };
    const message = await fails(publish(['room', '1', '--url', gateway.url]), 1);
    expect(message).toContain('not permitted (forbidden): use a token that permits it');
  });

  it('exits with 1 if the token is refused', async () => {
    gateway.closeWith = { code: 4001, reason: 'token missing, invalid or expired' };
    const sut = publish(['room', '1', '--url', gateway.url], { env: { HOLDFAST_CLI_TOKEN: TOKEN } });
    expect(await fails(sut, 1)).toContain('token missing, invalid or expired (4001): set a valid token');
  });

  it('exits with 1 if a connected gateway does not reply in time, and warns that it may be stored', async () => {
    gateway.script = () => true;
    const sut = publish(['room', '1', '--url', gateway.url, '--timeout', '100ms']);
    expect(await fails(sut, 1)).toContain('may have been stored');
  });

  it('exits with 69 if no gateway can be reached in time', async () => {
    const url = `ws://127.0.0.1:${await freePort()}/ws?access_token=${TOKEN}`;
    expect(await fails(publish(['room', '1', '--url', url, '--timeout', '200ms']), 69)).toContain('--url');
  });
});

describe('the trace context of holdfast publish', () => {
  const CONTEXT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it('is a member of the frame, and a header of the HTTP API', async () => {
    const args = ['room', '1', '--traceparent', CONTEXT, '--url'];
    await publish([...args, gateway.url]).exitCode;
    expect(gateway.requests).toContainEqual(expect.objectContaining({ event: 'publish', traceparent: CONTEXT }));
    await publish([...args, gateway.apiUrl], { env: { HOLDFAST_CLI_API_KEY: API_KEY } }).exitCode;
    expect(gateway.httpRequests).toMatchObject([{ headers: { traceparent: CONTEXT }, body: { channel: 'room' } }]);
    expect(gateway.httpRequests[0]?.body).not.toHaveProperty('traceparent');
  });

  it('is checked', async () => {
    expect(await fails(publish(['room', '1', '--traceparent', 'yes']), 2)).toContain('Expected a context such as 00-');
  });
});

describe('holdfast publish over the HTTP API', () => {
  const env = { HOLDFAST_CLI_API_KEY: API_KEY };

  it('posts with the API key, and prints the position', async () => {
    const sut = publish(['room', '{"a":1}', '--key', 'k1', '--url', gateway.apiUrl], { env });
    expect(await sut.exitCode, sut.stderr).toBe(0);
    expect(sut.json).toEqual([{ epoch: EPOCH, offset: 7 }]);
    const [request] = gateway.httpRequests;
    expect(request).toMatchObject({
      url: '/api/publish',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: { channel: 'room', data: { a: 1 }, key: 'k1' },
    });
    expect(gateway.connections).toHaveLength(0);
  });

  it('reads the key from a file, and keeps the path before /api', async () => {
    const args = ['room', '1', '--url', `${gateway.apiUrl}/gateway/`, '--api-key-file', file('key', 'from-a-file\n')];
    expect(await publish(args, { env }).exitCode).toBe(0);
    expect(gateway.httpRequests).toMatchObject([
      { url: '/gateway/api/publish', headers: { authorization: 'Bearer from-a-file' } },
    ]);
  });

  it('uses a WebSocket if the URL says so', async () => {
    expect(await publish(['room', '1', '--url', gateway.url], { env }).exitCode).toBe(0);
    expect(gateway.httpRequests).toHaveLength(0);
    expect(gateway.requestsOf('publish')).toHaveLength(1);
  });

  it("exits with 1 and the gateway's reason if it refuses", async () => {
    const body = JSON.stringify({ code: 'unauthorized', message: 'the API key is not valid', retryable: false });
    gateway.httpAnswer = { status: 401, body };
    const message = await fails(publish(['room', '1', '--url', gateway.apiUrl], { env }), 1);
    expect(message).toContain('the API key is not valid (unauthorized): check HOLDFAST_CLI_API_KEY');
  });

  it.each([
    [502, '<html>Bad gateway</html>'],
    [200, '<html>Hello</html>'],
    [200, 'null'],
  ])('exits with 1 if the server is not a gateway (%i %s)', async (status, body) => {
    gateway.httpAnswer = { status, body };
    expect(await fails(publish(['room', '1', '--url', gateway.apiUrl], { env }), 1)).toContain('--url');
  });

  it('does not follow redirects, which would publish nothing', async () => {
    gateway.httpAnswer = { status: 302, body: '', location: '/elsewhere' };
    expect(await fails(publish(['room', '1', '--url', gateway.apiUrl], { env }), 1)).toContain('302');
    expect(gateway.httpRequests).toHaveLength(1);
  });

  it('exits with 69 if no gateway can be reached', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await fails(publish(['room', '1', '--url', url], { env }), 69)).toContain('ECONNREFUSED');
  });

  it('exits with 69 if there is no response in time', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const sut = publish(['room', '1', '--url', url, '--timeout', '100ms'], { env });
    expect(await fails(sut, 69)).toContain('may have been stored');
    silent.close();
  });
});

describe('holdfast publish, used wrongly', () => {
  it.each([
    ['a bad URL', ['--url', `gopher://x/${TOKEN}`], {}, 'ws://'],
    ['a URL with a password', ['--url', `ws://u:${TOKEN}@localhost/ws`], {}, 'password'],
    ['HTTP without an API key', ['--url', 'http://localhost'], {}, 'HOLDFAST_CLI_API_KEY'],
    [
      'an API key that is not valid in a header',
      ['--url', 'http://localhost'],
      { HOLDFAST_CLI_API_KEY: 'ké y' },
      'API key',
    ],
    ['both credentials', ['--api-key-file', 'a', '--token-file', 'b'], {}, 'cannot be used with'],
    ['a token as an argument', [`--token=${TOKEN}`], {}, 'unknown option'],
    ['a bad timeout', ['--timeout', 'soon'], {}, '30s'],
    ['an empty key', ['--key', ''], {}, '1 to 64'],
  ])('exits with 2: %s', async (_name, args, env, expected) => {
    expect(await fails(publish(['room', '1', ...args], { env }), 2)).toContain(expected);
  });

  it('exits with 2: an API key for a WebSocket', async () => {
    const args = ['room', '1', '--url', gateway.url, '--api-key-file', file('key', API_KEY)];
    expect(await fails(publish(args), 2)).toContain('http://');
  });
});
