import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { CLOSE, errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { Authenticator } from '../src/auth/index.js';
import { Lifecycle } from '../src/lifecycle/lifecycle.js';
import { API_KEY, JWT_SECRET, startGateway, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';
import {
  clientFrame,
  RawSocket,
  TEXT,
  upgradeRequest,
  type HttpAnswer,
  type UpgradeRequest,
} from './support/raw-socket.js';
import { TestClient, type Closed } from './support/test-client.js';
import { secondsFromNow, secretKey, signToken } from './support/tokens.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

const OTHER_SECRET = 'another-secret-of-32-bytes-or-more-for-tests';
const NOT_ANONYMOUS = { HOLDFAST_ANONYMOUS: 'false' };

async function upgrade({ port }: TestGateway, request: UpgradeRequest): Promise<HttpAnswer> {
  const raw = await RawSocket.connect(port);
  raw.write(upgradeRequest(request));
  return raw.answer();
}

/** The close code with which a client that offers the subprotocol is refused. */
async function closeForError(
  { webSocketUrl }: TestGateway,
  query: string,
  options: ClientOptions = {},
): Promise<Closed> {
  const client = new TestClient(new WebSocket(`${webSocketUrl}${query}`, [SUBPROTOCOL], options));
  const closed = await client.closed;
  expect(client.frames).toEqual([]);
  return closed;
}

/** A connection that has not authenticated yet. */
async function unauthenticated({ webSocketUrl }: TestGateway, query = ''): Promise<TestClient> {
  const client = new TestClient(new WebSocket(`${webSocketUrl}${query}`, [SUBPROTOCOL]));
  await once(client.webSocket, 'open');
  return client;
}

async function accepts({ webSocketUrl }: TestGateway, token: string): Promise<boolean> {
  const webSocket = new WebSocket(`${webSocketUrl}?access_token=${token}`, [SUBPROTOCOL]);
  webSocket.once('message', () => webSocket.close(1000));
  const { code } = await new TestClient(webSocket).closed;
  expect([1000, CLOSE.unauthorized.code]).toContain(code);
  return code === 1000;
}

describe('promise 8: a refused upgrade gets an error of the catalogue', () => {
  it.each<[string, UpgradeRequest, number, unknown]>([
    ['another path', { path: '/elsewhere' }, 404, errorData('not_found', 'the WebSocket is at /ws')],
    ['a path below', { path: '/ws/more' }, 404, errorData('not_found', 'the WebSocket is at /ws')],
    ['a path that looks like a host', { path: '//ws' }, 404, errorData('not_found', 'the WebSocket is at /ws')],
    [
      'a target that is not a path',
      { path: 'http://gateway.test/ws' },
      400,
      errorData('invalid', 'the request target is not valid'),
    ],
    [
      'no key',
      { headers: { 'Sec-WebSocket-Key': undefined } },
      400,
      errorData('invalid', 'Sec-WebSocket-Key must be 16 bytes in Base64'),
    ],
    [
      'a key of 15 bytes',
      { headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j' } },
      400,
      errorData('invalid', 'Sec-WebSocket-Key must be 16 bytes in Base64'),
    ],
    [
      'a subprotocol that is offered twice',
      { headers: { 'Sec-WebSocket-Protocol': 'chat, chat' } },
      400,
      errorData('invalid', 'Invalid Sec-WebSocket-Protocol header'),
    ],
    ['another method', { method: 'POST' }, 405, errorData('method_not_allowed', 'an upgrade must use GET')],
    ['an old version', { headers: { 'Sec-WebSocket-Version': '8' } }, 426, errorData('upgrade_required')],
    ['no version', { headers: { 'Sec-WebSocket-Version': undefined } }, 426, errorData('upgrade_required')],
    ['a wrong token', { path: '/ws?access_token=nonsense' }, 401, errorData('unauthorized')],
    ['a page of another origin', { headers: { Origin: 'https://evil.test' } }, 403, errorData('origin_forbidden')],
  ])('%s', async (_name, request, status, body) => {
    const sut = await startGateway();
    const answer = await upgrade(sut, request);
    expect(answer).toMatchObject({ status, body });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('retry-after')).toBeNull();
    const { code } = answer.body as { code: string };
    await expect.poll(() => metric(sut, `holdfast_refused_upgrades_total{code="${code}"}`)).toBe(1);
    await expect(sut.connect()).resolves.toBeDefined();
  });

  it('with the supported version, and the scheme of a token', async () => {
    const sut = await startGateway();
    const { headers } = await upgrade(sut, { headers: { 'Sec-WebSocket-Version': '7' } });
    expect(headers.get('upgrade')).toBe('websocket');
    expect(headers.get('connection')).toBe('close, Upgrade');
    expect(headers.get('sec-websocket-version')).toBe('13');
    expect((await upgrade(sut, { path: '/ws?access_token=x' })).headers.get('www-authenticate')).toBe('Bearer');
  });

  it('which is upgrade_required for a plain GET of the path, and method_not_allowed for other methods', async () => {
    const sut = await startGateway();
    const got = await fetch(`${sut.url}/ws`);
    expect(got.status).toBe(426);
    expect(got.headers.get('upgrade')).toBe('websocket');
    expect(got.headers.get('sec-websocket-version')).toBe('13');
    expect(await got.json()).toEqual(errorData('upgrade_required'));
    const posted = await fetch(`${sut.url}/ws`, { method: 'POST' });
    expect(posted.status).toBe(405);
    expect(await posted.json()).toEqual(errorData('method_not_allowed'));
  });

  it('but a plain request that offers another protocol (h2c) gets its response', async () => {
    const { port } = await startGateway();
    const raw = await RawSocket.connect(port);
    raw.write(upgradeRequest({ path: '/health/live', headers: { Upgrade: 'h2c', Connection: 'Upgrade, close' } }));
    expect(await raw.answer()).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it.each(['starting', 'draining'] as const)('with status 503 and Retry-After while the pod is %s', async (stage) => {
    const sut = await startGateway();
    const lifecycle = sut.app.get(Lifecycle);
    lifecycle.stage = stage;
    const { status, headers, body } = await upgrade(sut, { headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } });
    expect({ status, body }).toEqual({ status: 503, body: errorData('draining') });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    lifecycle.stage = 'settling';
    await expect(sut.connect()).resolves.toBeDefined();
  });

  it('also if draining began while the token was verified', async () => {
    const sut = await startGateway();
    const lifecycle = sut.app.get(Lifecycle);
    vi.spyOn(sut.app.get(Authenticator), 'connection').mockImplementation(async () => {
      lifecycle.stage = 'draining';
      return { user: 'ann', channels: [], publish: [] };
    });
    expect(await upgrade(sut, { path: '/ws?access_token=x' })).toMatchObject({ status: 503 });
  });

  it('as a close code, which a browser can read, if the client offers the subprotocol', async () => {
    const sut = await startGateway();
    const unauthorized = { code: CLOSE.unauthorized.code, reason: CLOSE.unauthorized.reason };
    expect(await closeForError(sut, '?access_token=nonsense')).toEqual(unauthorized);
    const forbidden = { code: CLOSE.forbidden.code, reason: CLOSE.forbidden.reason };
    expect(await closeForError(sut, '', { origin: 'https://evil.test' })).toEqual(forbidden);
    await expect.poll(() => metric(sut, 'holdfast_refused_upgrades_total{code="unauthorized"}')).toBe(1);
    await expect.poll(() => metric(sut, 'holdfast_refused_upgrades_total{code="origin_forbidden"}')).toBe(1);
    await expect.poll(() => metric(sut, 'holdfast_connections')).toBe(0);
  });

  it('and a refused client that sends invalid frames affects no other connection', async () => {
    const sut = await startGateway();
    const raw = await RawSocket.connect(sut.port);
    raw.write(
      upgradeRequest({ path: '/ws?access_token=x', headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } }),
      // Unmasked, and with a reserved opcode.
      Buffer.from([0xff, 0x7f, 1, 2, 3]),
    );
    await raw.closed;
    await expect(sut.connect()).resolves.toBeDefined();
  });

  it('and a refused client that does not close its connection is cut off', async () => {
    const sut = await startGateway();
    const raw = await RawSocket.webSocket(sut.port, '/ws?access_token=x', { 'Sec-WebSocket-Protocol': SUBPROTOCOL });
    const begun = new Stopwatch();
    await raw.closed;
    expect(begun.elapsed).toBeLessThan(5_000);
  });

  it('and a client that resets its connection during the verification of its token affects no other', async () => {
    const sut = await startGateway();
    const verification = Promise.withResolvers<void>();
    const asked = vi.spyOn(sut.app.get(Authenticator), 'connection').mockImplementation(async () => {
      await verification.promise;
      return { user: 'ann', channels: [], publish: [] };
    });
    const server = sut.app.getHttpServer();
    const raw = await RawSocket.connect(sut.port);
    raw.write(upgradeRequest({ path: '/ws?access_token=x' }));
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    raw.socket.resetAndDestroy();
    await raw.closed;
    verification.resolve();
    const open = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    await vi.waitFor(async () => expect(await open()).toBe(0));
    await expect.poll(() => metric(sut, 'holdfast_connections')).toBe(0);
  });
});

describe('an accepted upgrade', () => {
  it('echoes our subprotocol and no other, and accepts a client that offers none', async () => {
    const { webSocketUrl } = await startGateway();
    const token = await signToken({ sub: 'ann' });
    const both = await TestClient.connect(webSocketUrl, ['chat', `bearer.${token}`, SUBPROTOCOL]);
    expect(both.webSocket.protocol).toBe(SUBPROTOCOL);
    const raw = await RawSocket.webSocket(Number(new URL(webSocketUrl).port), '/ws', {
      'Sec-WebSocket-Protocol': `chat, bearer.${token}`,
    });
    expect(raw.received.toString('latin1').toLowerCase()).not.toContain('sec-websocket-protocol');
    expect(raw.received.toString()).not.toContain(token);
    const none = await TestClient.connect(webSocketUrl);
    expect(none.webSocket.protocol).toBe('');
    for (const client of [both, none]) await client.close();
  });

  it('processes the frames that arrive in the same packet', async () => {
    const { port } = await startGateway();
    const raw = await RawSocket.connect(port);
    raw.write(
      upgradeRequest(),
      clientFrame(TEXT, '{"event":"ping","id":1}'),
      clientFrame(TEXT, '{"event":"ping","id":2}'),
    );
    await raw.until((received) => received.includes('"id":2'));
    const text = raw.frames.toString();
    expect(text.indexOf('"welcome"')).toBeLessThan(text.indexOf('{"event":"reply","id":1,"data":{}}'));
  });

  it.each([
    ['the Authorization header', (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })],
    ['the query', (token: string) => ({ path: `/ws?access_token=${token}` })],
    [
      'a subprotocol',
      (token: string) => ({ headers: { 'Sec-WebSocket-Protocol': `${SUBPROTOCOL}, bearer.${token}` } }),
    ],
    ['a cookie', (token: string) => ({ headers: { Cookie: `theme=dark; holdfast_token=${token}` } })],
  ])('accepts a token in %s', async (_name, carry) => {
    const sut = await startGateway({ auth: { cookie: 'holdfast_token' } }, NOT_ANONYMOUS);
    const { path, headers = {} } = carry(await signToken({ sub: 'ann' })) as UpgradeRequest;
    const raw = await RawSocket.webSocket(sut.port, path, headers as Record<string, string>);
    await raw.until((received) => received.includes('"user":"ann"'));
    // An invalid token in the same place is refused, not ignored.
    const wrong = carry('wrong') as UpgradeRequest;
    if (wrong.headers?.['Sec-WebSocket-Protocol'] === undefined) {
      expect(await upgrade(sut, wrong)).toMatchObject({ status: 401 });
    }
  });

  it('does not read cookies that are not configured', async () => {
    const { webSocketUrl } = await startGateway();
    const headers = { Cookie: `token=${await signToken({ sub: 'ann' })}` };
    const client = await TestClient.connect(webSocketUrl, [], { headers });
    expect(client.welcome.user).toBeUndefined();
    await client.close();
  });

  it("is permitted to pages of allowed origins, and of the gateway's own", async () => {
    const sut = await startGateway({}, { HOLDFAST_ALLOWED_ORIGINS: 'https://*.example.com' });
    for (const origin of ['https://app.example.com', sut.url]) {
      const client = await TestClient.connect(sut.webSocketUrl, [], { origin });
      await client.close();
    }
    const headers = { Origin: 'https://example.org' };
    expect(await upgrade(sut, { headers })).toMatchObject({ status: 403 });
  });
});

describe('a client without a token', () => {
  it('is welcomed if anonymous access is on, and has no user', async () => {
    const client = await (await startGateway()).connect();
    expect(client.welcome).not.toHaveProperty('user');
    expect(client.welcome).not.toHaveProperty('expires');
    expect(client.welcome).toMatchObject({ node: 'test-node', ping: 8_000, maxPayload: 65_536, keyWindow: 300_000 });
  });

  it('authenticates with `connect` if anonymous access is off, and the reply contains what a welcome does', async () => {
    const sut = await startGateway({}, NOT_ANONYMOUS);
    const client = await unauthenticated(sut);
    expect(await client.refusal({ event: 'subscribe', id: 'a', data: { channel: 'x' } })).toEqual(
      errorData('not_connected'),
    );
    expect(await client.refusal({ event: 'publish', data: { channel: 'x', data: 1 } })).toEqual(
      errorData('not_connected'),
    );
    expect(await client.request('ping')).toEqual({});
    const token = await signToken({ sub: 'ann', exp: secondsFromNow(60) });
    const welcome = await client.request('connect', { token });
    expect(welcome).toMatchObject({ user: 'ann', node: 'test-node', session: expect.any(String) });
    expect(welcome.expires).toBeGreaterThan(50_000);
    expect(client.of('welcome')).toEqual([]);
    await expect(client.request('connect', { token })).rejects.toEqual(errorData('already_connected'));
    await client.close();
  });

  it('resumes its session with `connect`', async () => {
    const sut = await startGateway({}, NOT_ANONYMOUS);
    const token = await signToken({ sub: 'ann' });
    const first = await unauthenticated(sut);
    const { client: id, session } = await first.request('connect', { token });
    const second = await unauthenticated(sut);
    expect(await second.request('connect', { token, session })).toMatchObject({ client: id, session });
    const third = await unauthenticated(sut, `?session=${session}`);
    expect(await third.request('connect', { token })).toMatchObject({ client: id, session });
    for (const client of [first, second, third]) await client.close();
  });

  it('that sends an invalid token gets an error and is closed with 4001', async () => {
    const client = await unauthenticated(await startGateway({}, NOT_ANONYMOUS));
    await expect(client.request('connect', { token: 'nonsense' })).rejects.toEqual(errorData('unauthorized'));
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
  });

  it('that does not authenticate in time is closed with 4001', async () => {
    const client = await unauthenticated(await startGateway({ connection: { authTimeout: 0.2 } }, NOT_ANONYMOUS));
    const begun = new Stopwatch();
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
    expect(begun.elapsed).toBeLessThan(1_500);
  });

  it('that disconnects during the verification of its token is not counted as a connection of its user', async () => {
    const sut = await startGateway({}, NOT_ANONYMOUS);
    const verification = Promise.withResolvers<void>();
    const asked = vi.spyOn(sut.app.get(Authenticator), 'connection').mockImplementation(async () => {
      await verification.promise;
      return { user: 'ann', channels: [], publish: [] };
    });
    const client = await unauthenticated(sut);
    client.send({ event: 'connect', id: 1, data: { token: 'x' } });
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    client.webSocket.terminate();
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(0));
    verification.resolve();
    await verification.promise;
    const headers = { Authorization: `Bearer ${API_KEY}` };
    const answer = await fetch(`${sut.url}/api/users/ann/connections`, { headers });
    expect(await answer.json()).toMatchObject({ connections: [] });
  });
});

describe('a token', () => {
  it.each(['HS256', 'HS384', 'HS512'])('that is signed with a secret by %s is accepted', async (alg) => {
    const sut = await startGateway();
    expect(await accepts(sut, await signToken({ sub: 'ann' }, { alg }))).toBe(true);
    expect(await accepts(sut, await signToken({ sub: 'ann' }, { alg, key: secretKey(OTHER_SECRET) }))).toBe(false);
  });

  it('that is signed with any of several secrets is accepted', async () => {
    const sut = await startGateway({}, { HOLDFAST_JWT_SECRET: `${JWT_SECRET},${OTHER_SECRET}` });
    expect(await accepts(sut, await signToken({ sub: 'ann' }))).toBe(true);
    expect(await accepts(sut, await signToken({ sub: 'ann' }, { key: secretKey(OTHER_SECRET) }))).toBe(true);
    const third = secretKey('a-third-secret-of-32-bytes-that-is-not-set');
    expect(await accepts(sut, await signToken({ sub: 'ann' }, { key: third }))).toBe(false);
  });

  const pairs = {
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  };

  it.each(Object.keys(pairs) as (keyof typeof pairs)[])(
    'that is signed by %s is verified with the public key',
    async (alg) => {
      const { privateKey, publicKey } = pairs[alg]();
      const pem = publicKey.export({ type: 'spki', format: 'pem' });
      const sut = await startGateway({}, { HOLDFAST_JWT_SECRET: '', HOLDFAST_JWT_PUBLIC_KEY: pem });
      expect(await accepts(sut, await signToken({ sub: 'ann' }, { alg, key: privateKey }))).toBe(true);
      const other = pairs[alg]().privateKey;
      expect(await accepts(sut, await signToken({ sub: 'ann' }, { alg, key: other }))).toBe(false);
      // The public key is public: it must prove nothing as a symmetric secret.
      for (const key of [pem, pem.trim()]) {
        expect(await accepts(sut, await signToken({ sub: 'ann' }, { alg: 'HS256', key: secretKey(key) }))).toBe(false);
      }
    },
  );

  it.each(['none', 'None', 'NONE', ''])('with the algorithm "%s" is refused', async (alg) => {
    const sut = await startGateway();
    const [, payload = '', signature = ''] = (await signToken({ sub: 'ann' })).split('.');
    const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
    expect(await accepts(sut, `${header}.${payload}.`)).toBe(false);
    expect(await accepts(sut, `${header}.${payload}.${signature}`)).toBe(false);
  });

  it.each<[string, Record<string, unknown>]>([
    ['that has expired', { sub: 'ann', exp: secondsFromNow(-60) }],
    ['that is not yet valid', { sub: 'ann', nbf: secondsFromNow(60) }],
    ['for a subscription', { sub: 'ann', channel: 'chat:x' }],
    ['whose user is not a string', { sub: 7 }],
    ['whose user is empty', { sub: '' }],
    ['whose user is too long for a channel of its own', { sub: '語'.repeat(30) }],
    ['whose user is not Unicode', { sub: '\ud800' }],
    ['whose channels are not a list', { sub: 'ann', channels: 'chat:*' }],
    ['whose expiry is not a number', { sub: 'ann', exp: 'soon' }],
  ])('%s is refused', async (_name, claims) => {
    expect(await accepts(await startGateway(), await signToken(claims))).toBe(false);
  });

  it('must have the configured issuer and audience', async () => {
    const sut = await startGateway({ auth: { jwt: { issuer: 'https://issuer.test', audience: 'holdfast' } } });
    const right = { sub: 'ann', iss: 'https://issuer.test', aud: ['other', 'holdfast'] };
    expect(await accepts(sut, await signToken(right))).toBe(true);
    expect(await accepts(sut, await signToken({ ...right, iss: 'https://other.test' }))).toBe(false);
    expect(await accepts(sut, await signToken({ ...right, aud: 'other' }))).toBe(false);
    expect(await accepts(sut, await signToken({ sub: 'ann' }))).toBe(false);
  });
});
