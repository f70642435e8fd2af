import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, type JWTPayload } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { JWT_SECRET, startGateway } from '../../gateway/test/support/gateway.js';
import { Running } from './test-io.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-token-check-'));
afterAll(() => rmSync(folder, { recursive: true }));

const NOW = Math.floor(Date.now() / 1_000);
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

function sign(claims: JWTPayload, secret = JWT_SECRET): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

/** The outcomes by check. */
async function check(token: string, args: string[] = [], env: NodeJS.ProcessEnv = { HOLDFAST_JWT_SECRET: JWT_SECRET }) {
  const sut = new Running(['token', '--check', '--json', ...args], { env: { ...env, HOLDFAST_CLI_TOKEN: token } });
  const exitCode = await sut.exitCode;
  expect(sut.stdout + sut.stderr).not.toContain(token.split('.')[2] || 'no signature');
  const lines = sut.json as { check: string; outcome: string; detail: string }[];
  return {
    exitCode,
    wrong: lines.filter(({ outcome }) => outcome === 'fail').map((line) => `${line.check}: ${line.detail}`),
    lines,
  };
}

describe('holdfast token --check', () => {
  it('accepts a valid token', async () => {
    expect(await check(await sign({ sub: 'ann', exp: NOW + 60 }))).toMatchObject({ exitCode: 0, wrong: [] });
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['has expired', () => sign({ sub: 'ann', exp: NOW - 60 }), /^time: expired at .*Z \(exp\)$/],
    ['is not valid yet', () => sign({ sub: 'ann', nbf: NOW + 600 }), /^time: not valid before .* compare the clocks$/],
    ['has its times in ms', () => sign({ sub: 'ann', exp: Date.now() + 60_000 }), /^time: the claim exp is in ms/],
    ['is signed with another key', () => sign({ sub: 'ann' }, 'x'.repeat(32)), /^signature: signed with another key$/],
    [
      'is signed with a private key',
      () => new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey),
      /^signature: its algorithm EdDSA needs a public key$/,
    ],
    ['is not a token', async () => 'hello', /^format: not a JSON Web Token: expected three parts/],
    [
      'is not signed',
      async () => `${btoa('{"alg":"none"}')}.${btoa('{"sub":"ann"}')}.`,
      /^signature: it is not signed/,
    ],
    [
      'has patterns that are not a list',
      () => sign({ sub: 'ann', channels: '*' }),
      /^claims: channels: expected a list/,
    ],
    [
      'is a subscription token',
      () => sign({ sub: 'ann', channel: 'chat:a' }),
      /^claims: channel: this is a subscription/,
    ],
  ])('says why a token is refused that %s', async (_, token, expected) => {
    const { exitCode, wrong } = await check(await token());
    expect(exitCode).toBe(1);
    expect(wrong).toEqual([expect.stringMatching(expected)]);
  });

  it('reports everything that is wrong at once', async () => {
    const token = await sign({ exp: NOW - 60, iss: 'other', aud: ['a', 'b'] }, 'x'.repeat(32));
    const { wrong } = await check(token, ['--issuer', 'mine', '--audience', 'c']);
    expect(wrong.map((line) => line.split(':')[0])).toEqual(['signature', 'time', 'issuer', 'audience']);
    expect(wrong.slice(2)).toEqual(['issuer: the claim iss is another one', 'audience: the claim aud is another one']);
    const missing = await check(await sign({ sub: 'ann' }), ['--issuer', 'mine', '--audience', 'c']);
    expect(missing.wrong).toEqual(['issuer: the claim iss is missing', 'audience: the claim aud is missing']);
  });

  it('verifies by a public key, and by any of several secrets', async () => {
    const file = join(folder, 'public.pem');
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
    const signed = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
    expect((await check(signed, ['--public-key-file', file])).exitCode).toBe(0);
    const secrets = { HOLDFAST_JWT_SECRET: `${'y'.repeat(32)},${JWT_SECRET}` };
    expect((await check(await sign({ sub: 'ann' }), [], secrets)).lines).toContainEqual({
      check: 'signature',
      outcome: 'ok',
      detail: 'verified by key 2 of 2 (HS256)',
    });
  });

  it('skips the signature without a key, and asks the gateway', async () => {
    const { webSocketUrl } = await startGateway({}, { HOLDFAST_ANONYMOUS: 'false' });
    const accepted = await check(await sign({ sub: 'ann' }), ['--url', webSocketUrl], {});
    expect(accepted.exitCode).toBe(0);
    expect(accepted.lines).toContainEqual({ check: 'gateway', outcome: 'ok', detail: 'accepted by test-node' });
    expect(accepted.lines).toContainEqual(expect.objectContaining({ check: 'signature', outcome: 'skip' }));
    const refused = await check(await sign({ sub: 'ann' }, 'x'.repeat(32)), ['--url', webSocketUrl], {});
    expect(refused).toMatchObject({ exitCode: 1, wrong: [expect.stringMatching(/^gateway: refused: .*4001/)] });
  });

  it('needs a token', async () => {
    const sut = new Running(['token', '--check']);
    expect(await sut.exitCode).toBe(2);
    expect(sut.stderr).toContain('set HOLDFAST_CLI_TOKEN or --token-file');
  });
});
