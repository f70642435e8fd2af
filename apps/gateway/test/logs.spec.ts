import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SUBPROTOCOL, type Welcome } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { logEvents } from '../src/logging/events.js';
import { webhookSecret } from './support/backend.js';
import { startGatewayProcess, type GatewayProcess } from './support/gateway-process.js';
import { API_KEY, JWT_SECRET } from './support/gateway.js';
import { RawSocket } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';
import { secretKey, signToken } from './support/tokens.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  HOLDFAST_CONFIG: fileURLToPath(new URL('support/cookie.yaml', import.meta.url)),
  HOLDFAST_ANONYMOUS: 'false',
  HOLDFAST_SETTLE_SECONDS: '0',
  HOLDFAST_DRAIN_SECONDS: '0',
  HOLDFAST_LOG_LEVEL: 'trace',
  // Nothing listens there: failures are logged.
  HOLDFAST_JWKS_URL: 'http://127.0.0.1:1/keys?secret=of-the-jwks-url',
  HOLDFAST_AUTHORIZATION_URL: 'http://127.0.0.1:1/?secret=of-the-authorization-url',
  HOLDFAST_WEBHOOK_SECRET: webhookSecret(),
};

/** All lines, which must be JSON. */
function linesOf(sut: GatewayProcess): Record<string, unknown>[] {
  return sut
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log of a production gateway', () => {
  it('is JSON, one object per line, with the connection and the user', async () => {
    const sut = await startGatewayProcess(PRODUCTION);
    const token = await signToken({ sub: 'ann' });
    const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws?access_token=${token}`);
    await client.close();
    await vi.waitFor(() => expect(sut.output()).toContain('"disconnected"'));
    expect(await sut.stop()).toBe(0);
    const lines = linesOf(sut);
    const connected = lines.find(({ msg }) => msg === 'connected');
    expect(connected).toMatchObject({ connection: expect.any(String), user: 'ann' });
    const disconnected = lines.find(({ msg }) => msg === 'disconnected');
    expect(disconnected).toMatchObject({ connection: connected?.['connection'], user: 'ann', code: 1000 });
    for (const line of lines) expect(line).toMatchObject({ level: expect.any(Number), time: expect.any(Number) });
  });

  it('names the event of each line, from the start to the stop', async () => {
    const sut = await startGatewayProcess(PRODUCTION);
    const url = `ws://127.0.0.1:${sut.port}/ws`;
    const client = await TestClient.connect(`${url}?access_token=${await signToken({ sub: 'ann' })}`);
    for (const options of [{}, { origin: 'http://localhost:5173' }]) {
      await once(new WebSocket(url, [SUBPROTOCOL, 'bearer.invalid'], options), 'close');
    }
    await (await fetch(`${sut.url}/health/ready`)).text();
    await client.close();
    expect(await sut.stop()).toBe(0);
    const lines = linesOf(sut);
    for (const line of lines) expect(logEvents).toHaveProperty([String(line['event'])]);
    const named = lines.map(({ event }) => event).filter((event) => event !== 'nest.line');
    expect(named).toEqual(
      expect.arrayContaining([
        'gateway.limits',
        'keys.unavailable',
        'gateway.listening',
        'connection.opened',
        'token.refused',
        'origin.refused',
        'http.answered',
        'connection.closed',
        'gateway.stopping',
        'gateway.draining',
        'gateway.drained',
        'gateway.stopped',
      ]),
    );
    for (const event of [
      'gateway.limits',
      'gateway.listening',
      'gateway.stopping',
      'gateway.drained',
      'gateway.stopped',
    ])
      expect(named.filter((name) => name === event)).toHaveLength(1);
  });

  it('contains each HTTP request with its outcome, but no warning about temporary refusals', async () => {
    const sut = await startGatewayProcess({ ...PRODUCTION, HOLDFAST_SETTLE_SECONDS: '2' });
    await (await fetch(`${sut.url}/health/live?access_token=secret`)).text();
    sut.child.kill('SIGTERM');
    await vi.waitFor(async () => expect((await fetch(`${sut.url}/health/ready`)).status).toBe(503));
    expect(await sut.exited).toBe(0);
    const requests = linesOf(sut).filter(({ msg }) => msg === 'request completed');
    const req = { method: 'GET', url: '/health/live' };
    expect(requests).toContainEqual(
      expect.objectContaining({ level: 20, req, res: { statusCode: 200 }, responseTime: expect.any(Number) }),
    );
    const last = requests.at(-1);
    expect(last).toMatchObject({ level: 20, req: { url: '/health/ready' }, res: { statusCode: 503 } });
    expect(last).not.toHaveProperty('err');
  });

  it('says once what is wrong with refused tokens, and how to let the page of a refused origin connect', async () => {
    const sut = await startGatewayProcess({ ...PRODUCTION, HOLDFAST_LOG_LEVEL: 'info' });
    const url = `ws://127.0.0.1:${sut.port}/ws`;
    const refused = async (protocols: string[], options: ClientOptions = {}): Promise<void> => {
      const webSocket = new WebSocket(url, [SUBPROTOCOL, ...protocols], options);
      await once(webSocket, 'close');
    };
    for (let attempt = 0; attempt < 2; attempt++) {
      await refused([`bearer.${await signToken({ sub: 'ann', exp: Date.now() / 1000 - 60 })}`]);
      await refused([`bearer.${await signToken({ sub: 7 } as never)}`]);
      await refused([], { origin: 'http://localhost:5173' });
    }
    expect(await sut.stop()).toBe(0);
    const lines = linesOf(sut);
    const tokens = lines.filter(({ msg }) => msg === 'refused a token');
    expect(tokens.map(({ reason, detail }) => `${String(reason)}: ${String(detail)}`)).toEqual([
      'expired: it has expired (exp)',
      'claim: sub: Invalid input: expected string, received number',
    ]);
    const origins = lines.filter(({ origin }) => origin === 'http://localhost:5173');
    expect(origins).toEqual([expect.objectContaining({ msg: expect.stringContaining('HOLDFAST_ALLOWED_ORIGINS') })]);
  });

  it('never contains a token, a session, a key or the URL of a backend, however they were sent and whatever happened', async () => {
    const sut = await startGatewayProcess(PRODUCTION);
    const url = `ws://127.0.0.1:${sut.port}/ws`;
    const secrets: string[] = [API_KEY, JWT_SECRET, PRODUCTION.HOLDFAST_WEBHOOK_SECRET, 'of-the-'];
    const secret = async (name: string, valid = true): Promise<string> => {
      const key = valid ? undefined : secretKey('some-other-secret-of-32-bytes-or-more');
      const token = await signToken({ sub: 'ann', name }, key === undefined ? {} : { key });
      // Any part of it would be too much.
      secrets.push(...token.split('.').slice(1));
      return token;
    };
    const open = async (query: string, protocols: string[] = [], options: ClientOptions = {}): Promise<void> => {
      const webSocket = new WebSocket(`${url}${query}`, protocols, options).on('error', () => undefined);
      const [first] = await Promise.race([once(webSocket, 'message'), once(webSocket, 'close')]).catch(() => []);
      if (first instanceof Buffer) secrets.push((JSON.parse(first.toString()) as { data: Welcome }).data.session);
      webSocket.terminate();
    };

    for (const valid of [true, false]) {
      const session = Buffer.from(`a session that was ${String(valid)}`)
        .toString('base64url')
        .slice(0, 32);
      secrets.push(session);
      await open(`?access_token=${await secret('query', valid)}&session=${session}`);
      await open(`?session=${session}&access_token=${await secret('query, closed', valid)}`, [SUBPROTOCOL]);
      await open('', [], { headers: { Authorization: `Bearer ${await secret('header', valid)}` } });
      await open('', [SUBPROTOCOL, `bearer.${await secret('subprotocol', valid)}`, `session.${session}`]);
      await open('', [], { headers: { Cookie: `holdfast_token=${await secret('cookie', valid)}` } });

      const inBand = new TestClient(new WebSocket(url, [SUBPROTOCOL]));
      await new Promise((resolve) => inBand.webSocket.once('open', resolve));
      const token = await secret('in-band', valid);
      const welcome = await inBand.request('connect', { token, session }).catch(() => undefined);
      if (welcome !== undefined) {
        for (const refresh of [await secret('refresh'), await secret('wrong refresh', false)]) {
          await inBand.request('refresh', { token: refresh }).catch(() => undefined);
          await inBand.request('subscribe', { channel: 'x', token: refresh }).catch(() => undefined);
        }
        await inBand.publish('x', 'x'.repeat(60_000)).catch(() => undefined);
      }
      inBand.webSocket.terminate();

      const encoded = `?access%5Ftoken=${await secret('encoded', valid)}&%73ession=${session}`;
      await open(encoded);
      await (await fetch(`${sut.url}/ws${encoded}`)).text();
      // Values that `fetch` would not send.
      for (const sign of ['#', ';', '?token=']) {
        const raw = await RawSocket.connect(sut.port);
        raw.write(
          `GET /ws${sign}access_token=${await secret('raw', valid)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        );
        await raw.closed;
      }
      // Over plain HTTP, to the right path and to wrong ones.
      for (const path of ['/ws', '/nowhere', '/health', '/api/channels', '/api/publish']) {
        const query = `access_token=${await secret(`plain ${path}`, valid)}&session=${session}`;
        const key = valid ? API_KEY : 'a-wrong-api-key-of-the-tests';
        if (!valid) secrets.push(key);
        for (const headers of [{ Authorization: `Bearer ${key}` }, { 'X-API-Key': key }]) {
          for (const method of ['GET', 'POST']) {
            for (const sign of ['?', '?token=', ';', '%3F', '/', '/;', '&']) {
              await (await fetch(`${sut.url}${path}${sign}${query}`, { method, headers })).text();
            }
          }
        }
      }
    }
    await vi.waitFor(() => expect(sut.output().split('"disconnected"').length).toBeGreaterThan(6));
    expect(await sut.stop()).toBe(0);
    const output = sut.output();
    for (const what of ['HOLDFAST_JWKS_URL cannot be fetched', 'the authorization webhook failed']) {
      expect(output).toContain(what);
    }
    expect(output).toContain('"url":"/ws"');
    for (const one of secrets) expect(output).not.toContain(one);
    expect(linesOf(sut).length).toBeGreaterThan(20);
  });
});
