import { createHmac, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Holdfast } from '@holdfast/client';
import { CLOSE, errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connectAs, refusal } from './support/connect-as.js';
import { JWT_SECRET, startGateway, type TestGateway } from './support/gateway.js';
import { Issuer } from './support/issuer.js';
import { metric } from './support/metric.js';
import { RawSocket, upgradeRequest, type HttpAnswer } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';
import { secondsFromNow, signToken } from './support/tokens.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

const NOT_ANONYMOUS = { HOLDFAST_ANONYMOUS: 'false' };

/** The outcome for a token: `welcome`, or the close code that a browser receives. */
async function outcome({ webSocketUrl }: TestGateway, token: string): Promise<number | 'welcome'> {
  const url = `${webSocketUrl}?${new URLSearchParams({ access_token: token })}`;
  const client = new TestClient(new WebSocket(url, [SUBPROTOCOL]));
  const { code } = await Promise.race([client.closed, once(client.webSocket, 'message').then(() => ({ code: 0 }))]);
  client.webSocket.terminate();
  return code === 0 ? 'welcome' : code;
}

async function answer({ port }: TestGateway, token: string): Promise<HttpAnswer> {
  const raw = await RawSocket.connect(port);
  raw.write(upgradeRequest({ headers: { Authorization: `Bearer ${token}` } }));
  return raw.answer();
}

/** A connection that has to send `connect`. */
async function unauthenticated({ webSocketUrl }: TestGateway): Promise<TestClient> {
  const client = new TestClient(new WebSocket(webSocketUrl, [SUBPROTOCOL]));
  await once(client.webSocket, 'open');
  return client;
}

function encode(part: object | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/** A token with a valid HS256 signature, whatever its parts contain. */
function forge(header: object | string, payload: object | string, key: string | Buffer): string {
  const content = `${encode(header)}.${encode(payload)}`;
  return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`;
}

describe('algorithm confusion', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsaPem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  const ecPem = ec.publicKey.export({ type: 'spki', format: 'pem' });

  it('is prevented, with secrets, several public keys and a key set at the same time', async () => {
    const issuer = await Issuer.start('one');
    const sut = await startGateway({}, { HOLDFAST_JWT_PUBLIC_KEY: `${rsaPem}${ecPem}`, HOLDFAST_JWKS_URL: issuer.url });
    for (const token of [
      await signToken({ sub: 'ann' }),
      await signToken({ sub: 'ann' }, { alg: 'RS256', key: rsa.privateKey }),
      await signToken({ sub: 'ann' }, { alg: 'PS512', key: rsa.privateKey }),
      await signToken({ sub: 'ann' }, { alg: 'ES256', key: ec.privateKey }),
      await issuer.sign('one', { sub: 'ann' }),
    ]) {
      expect(await outcome(sut, token)).toBe('welcome');
    }

    const payload = { sub: 'ann' };
    const jwk = issuer.keySet().keys[0] as { x: string };
    // The public keys, in every form that a careless implementation could use as a secret.
    const publicTexts = [rsaPem, rsaPem.trim(), ecPem, `${rsaPem}${ecPem}`, JSON.stringify(jwk), jwk.x];
    const publicBytes = [rsa, ec].map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' }));
    for (const key of [...publicTexts, ...publicBytes, Buffer.from(jwk.x, 'base64url'), '']) {
      for (const header of [{ alg: 'HS256' }, { alg: 'HS256', kid: 'one' }]) {
        expect(await outcome(sut, forge(header, payload, key))).toBe(CLOSE.unauthorized.code);
      }
    }
    // A valid HS256 signature is invalid under another algorithm.
    for (const alg of ['RS256', 'ES256', 'EdDSA', 'HS257', 'hs256', 'none', '', 7, null]) {
      expect(await outcome(sut, forge({ alg }, payload, JWT_SECRET))).toBe(CLOSE.unauthorized.code);
    }
  });

  it('is prevented between curves', async () => {
    const sut = await startGateway({}, { HOLDFAST_JWT_PUBLIC_KEY: ecPem, HOLDFAST_JWT_SECRET: '' });
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const token = await signToken({ sub: 'ann' }, { alg: 'ES384', key: other.privateKey });
    expect(await outcome(sut, token)).toBe(CLOSE.unauthorized.code);
  });
});

describe('a refused token', () => {
  const other = { key: Buffer.from('some-other-secret-of-32-bytes-or-more') };

  it.each<[reason: string, token: () => Promise<string> | string]>([
    ['expired', () => signToken({ sub: 'ann', exp: secondsFromNow(-60) })],
    ['not_active', () => signToken({ sub: 'ann', nbf: secondsFromNow(60) })],
    ['signature', () => signToken({ sub: 'ann' }, other)],
    ['signature', () => signToken({ sub: 'ann', exp: secondsFromNow(-60) }, other)],
    ['algorithm', () => forge({ alg: 'none' }, { sub: 'ann' }, JWT_SECRET)],
    ['audience', () => signToken({ sub: 'ann', iss: 'issuer', aud: 'another' })],
    ['issuer', () => signToken({ sub: 'ann', iss: 'another', aud: 'audience' })],
    ['claim', () => forge({ alg: 'HS256' }, { sub: 7, iss: 'issuer', aud: 'audience' }, JWT_SECRET)],
    ['claim', () => forge({ alg: 'HS256' }, { sub: 'ann', exp: 'soon' }, JWT_SECRET)],
    ['claim', () => signToken({ sub: 'ann', channel: 'room', iss: 'issuer', aud: 'audience' })],
    ['malformed', () => 'a.b'],
    ['too_long', () => forge({ alg: 'HS256' }, { info: 'x'.repeat(6_000) }, JWT_SECRET)],
  ])('is counted as %s', async (reason, token) => {
    const sut = await startGateway({ auth: { jwt: { issuer: 'issuer', audience: 'audience' } } }, NOT_ANONYMOUS);
    expect(await outcome(sut, await token())).toBe(CLOSE.unauthorized.code);
    expect(await metric(sut, `holdfast_refused_tokens_total{reason="${reason}"}`)).toBe(1);
  });

  it.each<[reason: string, claims: object, sign: 'issuer' | 'mallory']>([
    ['expired', { exp: secondsFromNow(-60) }, 'issuer'],
    ['not_active', { nbf: secondsFromNow(60) }, 'issuer'],
    ['signature', {}, 'mallory'],
    ['claim', { sub: 7 }, 'issuer'],
  ])('of an issuer with a key set is counted as %s: %j, signed by %s', async (reason, claims, by) => {
    const [issuer, mallory] = [await Issuer.start('one'), await Issuer.start('one')];
    const sut = await startGateway({}, { ...NOT_ANONYMOUS, HOLDFAST_JWT_SECRET: '', HOLDFAST_JWKS_URL: issuer.url });
    const signer = by === 'issuer' ? issuer : mallory;
    const token = await signer.sign('one', { sub: 'ann', ...claims });
    expect(await outcome(sut, token)).toBe(CLOSE.unauthorized.code);
    expect(await metric(sut, `holdfast_refused_tokens_total{reason="${reason}"}`)).toBe(1);
  });

  it('is counted as no_key if nothing is configured that verifies tokens', async () => {
    const sut = await startGateway({}, { HOLDFAST_ANONYMOUS: 'true', HOLDFAST_JWT_SECRET: '' });
    expect(await outcome(sut, await signToken({ sub: 'ann' }))).toBe(CLOSE.unauthorized.code);
    expect(await metric(sut, 'holdfast_refused_tokens_total{reason="no_key"}')).toBe(1);
  });
});

describe('a malicious token', () => {
  it.each<[string, string]>([
    ['critical extensions', forge({ alg: 'HS256', crit: ['x'], x: 1 }, { sub: 'ann' }, JWT_SECRET)],
    ['a payload that is not encoded', forge({ alg: 'HS256', crit: ['b64'], b64: false }, { sub: 'ann' }, JWT_SECRET)],
    ['a header that is not JSON', forge('{alg:HS256}', { sub: 'ann' }, JWT_SECRET)],
    ['a payload that is not an object', forge({ alg: 'HS256' }, '"ann"', JWT_SECRET)],
    ['no payload', forge({ alg: 'HS256' }, '', JWT_SECRET)],
    ['an expiry in the far future', forge({ alg: 'HS256' }, '{"sub":"ann","exp":1e300}', JWT_SECRET)],
    ['an infinite expiry', forge({ alg: 'HS256' }, '{"sub":"ann","exp":1e999}', JWT_SECRET)],
    ['a user that is a prototype', forge({ alg: 'HS256' }, '{"sub":{"__proto__":"ann"}}', JWT_SECRET)],
    ['two parts', 'a.b'],
    ['five parts, like an encrypted token', 'a.b.c.d.e'],
    ['letters beyond ASCII', 'ü.💥.\u0000'],
    ['nothing but dots', '...'],
    ['an excessive length', forge({ alg: 'HS256' }, { sub: 'ann', info: 'x'.repeat(6_000) }, JWT_SECRET)],
  ])('with %s is refused, and the gateway continues', async (_what, token) => {
    const sut = await startGateway({}, NOT_ANONYMOUS);
    expect(await outcome(sut, token)).toBe(CLOSE.unauthorized.code);
    const client = await unauthenticated(sut);
    expect(await refusal(client.request('connect', { token }))).toMatchObject({
      code: expect.stringMatching(/^(unauthorized|invalid)$/),
    });
    expect(await outcome(sut, await signToken({ sub: 'ann' }))).toBe('welcome');
  });

  it('is distinguished from a token for a user with unusual characters, which is accepted', async () => {
    const sut = await startGateway();
    const client = await connectAs(sut, { sub: 'Ünsal 💥 ../..' });
    expect(client.welcome.user).toBe('Ünsal 💥 ../..');
    expect(await client.subscribe('@me')).toMatchObject({ channel: '@%C3%9Cnsal%20%F0%9F%92%A5%20..%2F..' });
  });

  it('cannot name its own key', async () => {
    const issuer = await Issuer.start('one');
    const mallory = await Issuer.start('one');
    const sut = await startGateway({}, { HOLDFAST_JWKS_URL: issuer.url });
    const [jwk] = mallory.keySet().keys;
    for (const header of [
      { kid: 'one' },
      { kid: 'one', jku: mallory.url },
      { jku: mallory.url },
      { jwk },
      { kid: mallory.url },
      { kid: 'one', x5u: mallory.url },
    ]) {
      const token = await mallory.sign('one', { sub: 'ann' }, header);
      expect(await outcome(sut, token)).not.toBe('welcome');
    }
    expect(mallory.fetches).toBe(0);
  });

  it.each([
    '../../../etc/passwd',
    '/dev/null',
    '..\\..\\one',
    'one\u0000',
    "one' OR '1'='1",
    'x'.repeat(4_000),
    '__proto__',
  ])('with the key id %j is only looked up among the published keys', async (kid) => {
    const issuer = await Issuer.start('one');
    const sut = await startGateway({ auth: { jwt: { jwks: { cooldown: 0.1 } } } }, { HOLDFAST_JWKS_URL: issuer.url });
    expect(await outcome(sut, await issuer.sign('one', { sub: 'ann' }))).toBe('welcome');
    expect(await outcome(sut, await issuer.sign('one', { sub: 'ann' }, { kid }))).not.toBe('welcome');
    // A key without content would be like an empty secret.
    expect(await outcome(sut, forge({ alg: 'HS256', kid }, { sub: 'ann' }, ''))).toBe(CLOSE.unauthorized.code);
    for (const { url } of issuer.server.received) expect(url).toBe('/keys');
  });
});

describe('the clock tolerance', () => {
  it('accepts a token that has just expired, until the tolerance has passed', async () => {
    const sut = await startGateway({ auth: { jwt: { clockTolerance: 2 } } });
    const begun = new Stopwatch();
    const client = await connectAs(sut, { sub: 'ann', exp: secondsFromNow(-1) });
    expect(client.welcome.expires).toBeGreaterThan(0);
    expect(client.welcome.expires).toBeLessThanOrEqual(1_000);
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
    expect(begun.elapsed).toBeLessThan(2_000);
    expect(await outcome(sut, await signToken({ sub: 'ann', exp: secondsFromNow(-3) }))).toBe(CLOSE.unauthorized.code);
    expect(await outcome(sut, await signToken({ sub: 'ann', nbf: secondsFromNow(1) }))).toBe('welcome');
    expect(await outcome(sut, await signToken({ sub: 'ann', nbf: secondsFromNow(5) }))).toBe(CLOSE.unauthorized.code);
  });

  it('does not extend a token that has not expired', async () => {
    const sut = await startGateway({ auth: { jwt: { clockTolerance: 300 } } });
    const client = await connectAs(sut, { sub: 'ann', exp: secondsFromNow(1) });
    expect(client.welcome.expires).toBeLessThanOrEqual(1_000);
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
  });
});

describe('a token whose key cannot be fetched at present', () => {
  it('is not treated as invalid: the client is asked to retry, by status, close code and error', async () => {
    const issuer = await Issuer.start('one');
    const token = await issuer.sign('one', { sub: 'ann' });
    await issuer.server.stop();
    const sut = await startGateway({}, { ...NOT_ANONYMOUS, HOLDFAST_JWKS_URL: issuer.url });
    const unavailable = errorData('authorization_unavailable');

    const { status, headers, body } = await answer(sut, token);
    expect({ status, body }).toEqual({ status: 503, body: unavailable });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await outcome(sut, token)).toBe(CLOSE.overloaded.code);

    const client = await unauthenticated(sut);
    expect(await refusal(client.request('connect', { token }))).toEqual(unavailable);
    expect(await client.closed).toMatchObject({ code: CLOSE.overloaded.code });
    await expect.poll(() => metric(sut, 'holdfast_key_fetches_total{outcome="failure"}')).toBeGreaterThan(0);

    // Decisions that do not need the issuer's keys are made as usual.
    expect(await outcome(sut, 'nonsense')).toBe(CLOSE.unauthorized.code);
    const bob = await connectAs(sut, { sub: 'bob' });
    expect(await refusal(bob.request('refresh', { token }))).toEqual(unavailable);
    expect(await refusal(bob.subscribe('@ann', { token }))).toMatchObject({ code: 'forbidden' });
    expect(await bob.request('ping')).toEqual({});

    await issuer.server.resume();
    await expect.poll(async () => outcome(sut, token)).toBe('welcome');
  });

  it('delays a client with the library only until the key is available', async () => {
    const issuer = await Issuer.start('one');
    const token = await issuer.sign('one', { sub: 'ann', exp: secondsFromNow(60) });
    await issuer.server.stop();
    const sut = await startGateway({}, { ...NOT_ANONYMOUS, HOLDFAST_JWKS_URL: issuer.url });
    const states: string[] = [];
    const client = new Holdfast(sut.webSocketUrl, { token, backoff: { base: 50, max: 200 } });
    onTestFinished(() => client.close());
    client.on('state', ({ state, reason }) => states.push(`${state} ${reason?.code ?? ''}`));
    await expect.poll(() => states.length).toBeGreaterThan(1);
    await issuer.server.resume();
    await expect.poll(() => states.at(-1)).toBe('connected ');
    expect(new Set(states.slice(0, -1))).toEqual(new Set([`connecting ${CLOSE.overloaded.code}`]));
  });

  it('does not delay clients for long if the issuer does not respond', async () => {
    const issuer = await Issuer.start('one');
    const token = await issuer.sign('one', { sub: 'ann' });
    issuer.answer = () => undefined;
    const sut = await startGateway({}, { HOLDFAST_JWKS_URL: issuer.url });
    const begun = new Stopwatch();
    expect(await outcome(sut, token)).toBe(CLOSE.overloaded.code);
    expect(begun.elapsed).toBeLessThan(6_000);
  });
});

describe('the keys of an issuer', () => {
  it('may rotate while the gateway runs, and no connection is closed', async () => {
    const issuer = await Issuer.start('old');
    const file = { auth: { jwt: { jwks: { cooldown: 0.1 } } } };
    const sut = await startGateway(file, { ...NOT_ANONYMOUS, HOLDFAST_JWKS_URL: issuer.url, HOLDFAST_JWT_SECRET: '' });
    const client = await TestClient.connect(
      `${sut.webSocketUrl}?access_token=${await issuer.sign('old', { sub: 'ann', exp: secondsFromNow(60) })}`,
    );
    issuer.publish('new');
    const token = await issuer.sign('new', { sub: 'ann', exp: secondsFromNow(120) });
    await expect.poll(async () => outcome(sut, token)).toBe('welcome');
    expect((await client.request('refresh', { token })).expires).toBeGreaterThan(60_000);
    const old = await issuer.sign('old', { sub: 'ann' });
    expect(await outcome(sut, old)).toBe('welcome');
    issuer.withdraw('old');
    // Withdrawn keys are dropped by the next fetch, which an unknown key causes.
    issuer.publish('newest');
    const newest = await issuer.sign('newest', { sub: 'ann' });
    await expect.poll(async () => outcome(sut, newest)).toBe('welcome');
    await expect.poll(async () => outcome(sut, old)).toBe(CLOSE.unauthorized.code);
    expect(await client.request('ping')).toEqual({});
    await client.close();
  });
});
