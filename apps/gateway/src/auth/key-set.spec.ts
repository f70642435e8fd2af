import { errors, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import { json } from '../../test/support/http-server.js';
import { Issuer } from '../../test/support/issuer.js';
import { KeySet, KeysUnavailableError, type KeySetOptions } from './key-set.js';

const CLAIMS = { sub: 'ann' };

function keySet(
  issuer: Issuer,
  options: Partial<KeySetOptions> = {},
): { sut: KeySet; problems: (string | undefined)[] } {
  const problems: (string | undefined)[] = [];
  const onFetched = (problem: string | undefined): void => void problems.push(problem);
  return {
    sut: new KeySet({ url: issuer.url, maxAge: 60_000, maxStale: 600_000, cooldown: 0, onFetched, ...options }),
    problems,
  };
}

async function verify(sut: KeySet, token: string): Promise<string | undefined> {
  return (await jwtVerify(token, sut.find)).payload.sub;
}

describe('the keys of an issuer', () => {
  it('are fetched once for any number of tokens', async () => {
    const issuer = await Issuer.start('one');
    const { sut } = keySet(issuer);
    const token = await issuer.sign('one', CLAIMS);
    await Promise.all(Array.from({ length: 20 }, async () => expect(await verify(sut, token)).toBe('ann')));
    expect(await verify(sut, token)).toBe('ann');
    expect(issuer.fetches).toBe(1);
  });

  it('are fetched again for a token with an unknown key id', async () => {
    const issuer = await Issuer.start('one');
    const { sut } = keySet(issuer);
    await verify(sut, await issuer.sign('one', CLAIMS));
    issuer.publish('two');
    issuer.withdraw('one');
    const token = await issuer.sign('two', CLAIMS);
    await Promise.all(Array.from({ length: 20 }, async () => expect(await verify(sut, token)).toBe('ann')));
    expect(issuer.fetches).toBe(2);
  });

  it('are not fetched again and again for tokens with invented key ids, which are tried again later', async () => {
    const issuer = await Issuer.start('one');
    const { sut } = keySet(issuer, { cooldown: 60_000 });
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => issuer.sign('one', CLAIMS, { kid: `made-up-${index}` })),
    );
    await verify(sut, await issuer.sign('one', CLAIMS));
    for (const token of tokens) await expect(verify(sut, token)).rejects.toBeInstanceOf(KeysUnavailableError);
    expect(issuer.fetches).toBe(1);
    expect(await verify(sut, await issuer.sign('one', CLAIMS))).toBe('ann');
  });

  it('do not verify a token whose key id was never published', async () => {
    const issuer = await Issuer.start('one');
    const { sut } = keySet(issuer);
    const token = await issuer.sign('one', CLAIMS, { kid: 'nobody' });
    await expect(verify(sut, token)).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
  });

  it('remain in use during a refresh and while refreshes fail, up to a maximum age', async () => {
    const issuer = await Issuer.start('one');
    const { sut, problems } = keySet(issuer, { maxAge: 0, maxStale: 1_000 });
    const token = await issuer.sign('one', CLAIMS);
    await verify(sut, token);
    const fetched = performance.now();
    await issuer.server.stop();
    expect(await verify(sut, token)).toBe('ann');
    await vi.waitFor(() => expect(problems).toHaveLength(2));
    expect(problems[1]).toMatch(/^the server cannot be reached/);
    expect(await verify(sut, token)).toBe('ann');
    await vi.waitFor(() => expect(performance.now() - fetched).toBeGreaterThan(1_000));
    const outcomes = new Set<unknown>();
    // Until the next fetch, which fails.
    while (problems.length < 4) {
      outcomes.add(await verify(sut, token).catch((error: unknown) => error instanceof KeysUnavailableError));
    }
    expect(outcomes).toEqual(new Set([true]));
  }, 15_000);

  it('are no longer accepted once they were withdrawn and the set was fetched again', async () => {
    const issuer = await Issuer.start('one', 'two');
    const { sut } = keySet(issuer, { maxAge: 0 });
    const token = await issuer.sign('one', CLAIMS);
    await verify(sut, token);
    issuer.withdraw('one');
    await vi.waitFor(() => expect(verify(sut, token)).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey));
  });

  it('are fetched with growing delays after failures', async () => {
    const issuer = await Issuer.start('one');
    issuer.answer = (response) => json(response, {}, 500);
    const { sut, problems } = keySet(issuer);
    const token = await issuer.sign('one', CLAIMS);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await expect(verify(sut, token)).rejects.toBeInstanceOf(KeysUnavailableError);
    }
    expect(issuer.fetches).toBe(1);
    expect(problems).toEqual(['the server answered with status 500']);
    issuer.answer = undefined;
    await vi.waitFor(async () => expect(await verify(sut, token)).toBe('ann'));
    expect(issuer.fetches).toBe(2);
  });

  it.each<[string, unknown]>([
    ['another object', { hello: 'world' }],
    ['null', null],
    ['invalid keys', { keys: [1, null] }],
    ['too many keys', { keys: Array.from({ length: 51 }, () => ({ kty: 'EC' })) }],
    ['too large a response', { keys: [], more: 'x'.repeat(300_000) }],
  ])('are not accepted from %s', async (_what, body) => {
    const issuer = await Issuer.start('one');
    issuer.answer = (response) => json(response, body);
    const { sut, problems } = keySet(issuer);
    await expect(verify(sut, await issuer.sign('one', CLAIMS))).rejects.toBeInstanceOf(KeysUnavailableError);
    expect(problems[0]).toMatch(/^the (response|server) /);
  });

  it('are not fetched from the target of a redirect', async () => {
    const issuer = await Issuer.start('one');
    const other = await Issuer.start('one');
    issuer.answer = (response) => response.writeHead(302, { Location: other.url }).end();
    const { sut } = keySet(issuer);
    await expect(verify(sut, await issuer.sign('one', CLAIMS))).rejects.toBeInstanceOf(KeysUnavailableError);
    expect(other.fetches).toBe(0);
  });

  it('do not include secrets, whatever the issuer publishes', async () => {
    const issuer = await Issuer.start('one');
    const secret = Buffer.alloc(32, 'published');
    issuer.answer = (response) =>
      json(response, { keys: [{ kty: 'oct', k: secret.toString('base64url'), kid: 'one', alg: 'HS256' }] });
    const token = await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret);
    await expect(verify(keySet(issuer).sut, token)).rejects.toBeInstanceOf(errors.JOSENotSupported);
  });
});
