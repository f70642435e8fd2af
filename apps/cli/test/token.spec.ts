import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { Running, type RunOptions } from './test-io.js';

const SECRET = 'a secret for tests of more than 32 bytes';
const env = { HOLDFAST_JWT_SECRET: SECRET };

const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function mint(args: string[], options: RunOptions = { env }) {
  const sut = new Running(['token', ...args], options);
  expect(await sut.exitCode, sut.stderr).toBe(0);
  return jwtVerify(sut.stdout.trim(), new TextEncoder().encode(SECRET), { algorithms: ['HS256'] });
}

async function refused(args: string[], options: RunOptions = { env }): Promise<string> {
  const sut = new Running(['token', ...args], options);
  expect(await sut.exitCode).toBe(2);
  expect(sut.stdout).toBe('');
  expect(sut.stderr).toMatch(/^holdfast: .*\n$/);
  return sut.stderr;
}

describe('holdfast token', () => {
  it('prints the token and nothing else', async () => {
    const sut = new Running(['token', '--user', 'alice'], { env });
    expect(await sut.exitCode).toBe(0);
    expect(sut.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(sut.stderr).toBe('');
  });

  it("writes its options into the gateway's claims", async () => {
    const info = '{"name":"Alice"}';
    const args = ['--user', 'alice', '--channel', 'chat:*', 'news', '--publish', 'chat:*', '--info', info];
    const { payload, protectedHeader } = await mint([...args, '--channel', 'more:*', '--expires', '5m']);
    const iat = payload.iat ?? 0;
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(5);
    expect(payload).toEqual({
      sub: 'alice',
      channels: ['chat:*', 'news', 'more:*'],
      publish: ['chat:*'],
      info: { name: 'Alice' },
      iat,
      exp: iat + 300,
    });
    expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT' });
  });

  it('makes a token valid for an hour by default', async () => {
    const { payload } = await mint(['--user', 'alice']);
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
  });

  it('creates a subscription token, which cannot be used to connect', async () => {
    const { payload } = await mint(['--user', 'alice', '--subscription', 'chat:lobby']);
    expect(payload).toMatchObject({ sub: 'alice', channel: 'chat:lobby' });
    expect(payload).not.toHaveProperty('channels');

    const { payload: anonymous } = await mint(['--subscription', 'chat:lobby']);
    expect(anonymous).not.toHaveProperty('sub');
  });

  it('sets the issuer and the audience that a gateway requires', async () => {
    const { payload } = await mint(['--user', 'alice', '--issuer', 'us', '--audience', 'holdfast']);
    expect(payload).toMatchObject({ iss: 'us', aud: 'holdfast' });
  });

  it('reads the secret from a file, which takes precedence over the variable', async () => {
    const path = file('secret', `${SECRET}\n`);
    const other = { HOLDFAST_JWT_SECRET: 'another secret of more than 32 bytes' };
    await expect(mint(['--user', 'alice', '--secret-file', path], { env: other })).resolves.toBeDefined();
  });

  it('signs with the first of several secrets, as the gateway reads them', async () => {
    const other = 'the secret before it of more than 32 bytes';
    const lines = file('secrets', `\n${SECRET}\n${other}\n`);
    await expect(mint(['--user', 'alice', '--secret-file', lines])).resolves.toBeDefined();
    const list = { HOLDFAST_JWT_SECRET: `${SECRET}, ${other}` };
    await expect(mint(['--user', 'alice'], { env: list })).resolves.toBeDefined();
  });

  it.each<[string, { privateKey: KeyObject; publicKey: KeyObject }]>([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ])('signs with a private key and %s, and includes its id', async (alg, { privateKey, publicKey }) => {
    const path = file(alg, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const sut = new Running(['token', '--user', 'alice', '--private-key-file', path, '--kid', 'key-1'], { env });
    expect(await sut.exitCode, sut.stderr).toBe(0);
    const { payload, protectedHeader } = await jwtVerify(sut.stdout.trim(), publicKey);
    expect(payload).toMatchObject({ sub: 'alice', exp: expect.any(Number) });
    expect(protectedHeader).toEqual({ alg, typ: 'JWT', kid: 'key-1' });
  });

  it('refuses an unsuitable private key, and does not print it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    for (const [index, text] of [
      'no key',
      publicKey.export({ type: 'spki', format: 'pem' }),
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ].entries()) {
      const message = await refused(['--user', 'a', '--private-key-file', file(`bad-${index}`, text)]);
      expect(message).toContain('--private-key-file: expected a PEM private key');
      expect(message).not.toContain('no key');
    }
  });

  it('accepts no secret as an argument, and does not print one', async () => {
    expect(await refused(['--user', 'alice', `--secret=${SECRET}`])).not.toContain('a secret');
    expect(await refused(['--user', 'alice', SECRET])).not.toContain('a secret');
    expect(await refused(['--user', 'alice', '--secret-file', SECRET])).not.toContain('a secret');
  });

  it('says what is missing', async () => {
    expect(await refused(['--user', 'alice'], { env: {} })).toContain('set HOLDFAST_JWT_SECRET');
    expect(await refused(['--user', 'alice'], { env: { HOLDFAST_JWT_SECRET: ' ' } })).toContain(
      'set HOLDFAST_JWT_SECRET',
    );
    expect(await refused([])).toContain('--user');
    expect(await refused(['--user', 'alice', '--secret-file', file('empty', '\n')])).toContain('empty');
  });

  it.each([
    [['--user', ''], '1 to 200 characters'],
    [['--user', 'u'.repeat(201)], '1 to 200 characters'],
    [['--user', 'a', '--channel', ''], '--channel'],
    [['--user', 'a', '--publish', 'p'.repeat(256)], '--publish'],
    [['--user', 'a', '--info', '{name}'], '--info: expected JSON'],
    [['--user', 'a', '--expires', '0s'], '5m'],
    [['--user', 'a', '--expires', '1 hour'], '5m'],
    [['--user', 'a', '--expires', '3600'], '5m'],
    [['--user', 'a', '--subscription', 'c', '--channel', 'd'], 'cannot be used with'],
    [['--user', 'a', '--secret-file', 'c', '--private-key-file', 'd'], 'cannot be used with'],
  ])('refuses %j', async (args, expected) => {
    expect(await refused(args)).toContain(expected);
  });

  it('refuses a secret that is too short for a gateway', async () => {
    const message = await refused(['--user', 'alice'], { env: { HOLDFAST_JWT_SECRET: 'too-short' } });
    expect(message).toContain('32 bytes');
    expect(message).not.toContain('too-short');
  });
});
