import { createHmac } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import { Mutator } from '../../test/support/mutator.js';
import { SecretSignedTokens, type Expected } from './secret-signed-token.js';
import { secretKey } from './verification-keys.js';

const SECRET = 'a-secret-that-is-long-enough-for-all-the-hashes';
const KEY = secretKey(SECRET);
const EXPECTED: Expected = { clockTolerance: 5, issuer: 'issuer', audience: 'audience' };
const CLAIMS = { iss: 'issuer', aud: 'audience', sub: 'ann' };

const now = (): number => Math.floor(Date.now() / 1000);

function encode(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/** A token with a valid signature, whatever its parts contain. */
function sign(header: unknown, payload: unknown, hash = 'sha256'): string {
  const content = `${encode(header)}.${encode(payload)}`;
  return `${content}.${createHmac(hash, SECRET).update(content).digest('base64url')}`;
}

function byLibrary(token: string, expected: Expected): unknown {
  try {
    const options = { algorithms: KEY.algorithms as jsonwebtoken.Algorithm[], complete: true, ...expected } as const;
    const { header, payload } = jsonwebtoken.verify(token, KEY.key, options);
    return header.crit === undefined ? payload : undefined;
  } catch {
    return undefined;
  }
}

describe('a token that is signed with a secret', () => {
  it.each([
    ['HS256', 'sha256'],
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
  ])('is verified without the library: %s', (alg, hash) => {
    const tokens = new SecretSignedTokens(EXPECTED);
    const payload = { ...CLAIMS, exp: now() + 60, nbf: now() - 60, info: { name: 'Änn' } };
    for (let time = 0; time < 2; time += 1) {
      expect(tokens.payloadOf(sign({ typ: 'JWT', alg }, payload, hash), KEY)).toEqual(payload);
    }
  });

  it.each<[string, string]>([
    ['another secret', jsonwebtoken.sign(CLAIMS, 'some-other-secret-of-32-bytes-or-more')],
    ['the hash of another algorithm', sign({ alg: 'HS384' }, CLAIMS)],
    ['no algorithm', sign({ alg: 'none' }, CLAIMS)],
    ['a name of every object as its algorithm', sign({ alg: 'constructor' }, CLAIMS)],
    ['extensions', sign({ alg: 'HS256', crit: ['x'], x: 1 }, CLAIMS)],
    ['no signature', sign({ alg: 'HS256' }, CLAIMS).replace(/[^.]+$/, '')],
    ['a fourth part', `${sign({ alg: 'HS256' }, CLAIMS)}.x`],
    ['a part of a signature', sign({ alg: 'HS256' }, CLAIMS).slice(0, -1)],
    ['a header that is not JSON', sign('{alg:HS256}', CLAIMS)],
    ['a list as its payload', sign({ alg: 'HS256' }, [CLAIMS])],
    ['an expiry in the past', sign({ alg: 'HS256' }, { ...CLAIMS, exp: now() - 6 })],
    ['an expiry that is not a number', sign({ alg: 'HS256' }, { ...CLAIMS, exp: 'never' })],
    ['a beginning in the future', sign({ alg: 'HS256' }, { ...CLAIMS, nbf: now() + 60 })],
    ['another issuer', sign({ alg: 'HS256' }, { ...CLAIMS, iss: 'another' })],
    ['another audience', sign({ alg: 'HS256' }, { ...CLAIMS, aud: ['another'] })],
  ])('is left to the library: %s', (_what, token) => {
    const tokens = new SecretSignedTokens(EXPECTED);
    // A header that was verified before must make no difference.
    expect(tokens.payloadOf(sign({ alg: 'HS256' }, CLAIMS), KEY)).toEqual(CLAIMS);
    expect(tokens.payloadOf(token, KEY)).toBeUndefined();
  });

  it('is never accepted if the library refuses it, and has the same payload', () => {
    const tokens = new SecretSignedTokens({ clockTolerance: 5 });
    const later = now() + 3_600;
    const corpus = [
      sign({ alg: 'HS256' }, CLAIMS),
      sign({ typ: 'JWT', alg: 'HS256', kid: 'ä' }, { ...CLAIMS, exp: later }),
      sign({ alg: 'HS384' }, { ...CLAIMS, nbf: 1, aud: ['audience', 'b'] }, 'sha384'),
    ].map((token) => Buffer.from(token));
    const words = ['.', '..', '=', '\n', 'eyJhbGciOiJub25lIn0', encode({ alg: 'HS512' })].map((word) =>
      Buffer.from(word),
    );
    const mutator = new Mutator(corpus, words, 7);
    let accepted = 0;
    for (let count = 0; count < 3_000; count += 1) {
      const token = mutator.next().toString('latin1');
      const payload = tokens.payloadOf(token, KEY);
      if (payload === undefined) continue;
      accepted += 1;
      expect(payload).toEqual(byLibrary(token, { clockTolerance: 5 }));
    }
    expect(accepted).toBeGreaterThan(100);
  });

  it('is never accepted if the library refuses it, whatever is signed', () => {
    const tokens = new SecretSignedTokens(EXPECTED);
    const values = [
      undefined,
      null,
      0,
      -1,
      1e12,
      '1',
      true,
      [],
      ['audience'],
      {},
      'issuer',
      'audience',
      now(),
      now() - 4,
    ];
    const headers = [
      { alg: 'HS256' },
      { alg: 'HS256', b64: false },
      { alg: 'HS256', crit: null },
      { alg: 'HS256', typ: 7 },
    ];
    let accepted = 0;
    for (const header of headers) {
      for (const claim of ['exp', 'nbf', 'iss', 'aud', 'iat', 'sub']) {
        for (const value of values) {
          const token = sign(header, { ...CLAIMS, [claim]: value });
          const payload = tokens.payloadOf(token, KEY);
          if (payload === undefined) continue;
          accepted += 1;
          expect(byLibrary(token, EXPECTED), JSON.stringify({ header, claim, value })).toEqual(payload);
        }
      }
    }
    expect(accepted).toBeGreaterThan(100);
  });
});
