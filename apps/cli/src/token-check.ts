import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose';
import { EXIT, Failure } from './failure.js';
import { readSecret, readSecretFile } from './secrets.js';
import type { Report } from './verify/report.js';

/** What the gateway allows for differences between clocks, by default, in s. */
const TOLERANCE = 5;

/** A longer token is refused. */
const MAX_LENGTH = 8_000;

export interface TokenCheck {
  readonly token: string;
  /** The keys of the gateway; none if they are not known. */
  readonly keys: readonly (Uint8Array | KeyObject)[];
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/** Reports everything that is wrong with a token, and nothing of the token but its claims' names and times. */
export async function checkToken({ token, keys, issuer, audience }: TokenCheck, report: Report): Promise<void> {
  const decoded = decode(token);
  if (typeof decoded === 'string') return report.fail('format', decoded);
  const { header, claims } = decoded;
  report.ok('format', 'a signed JSON Web Token');
  await checkSignature(token, header, keys, report);
  checkTimes(claims, report);
  if (issuer !== undefined) {
    if (claims.iss === issuer) report.ok('issuer', 'iss is as expected');
    else report.fail('issuer', claims.iss === undefined ? 'the claim iss is missing' : 'the claim iss is another one');
  }
  if (audience !== undefined) {
    if ([claims.aud].flat().includes(audience)) report.ok('audience', 'aud is as expected');
    else
      report.fail('audience', claims.aud === undefined ? 'the claim aud is missing' : 'the claim aud is another one');
  }
  checkClaims(claims, report);
}

function decode(token: string): string | { header: ProtectedHeaderParameters; claims: JWTPayload } {
  if (token.length > MAX_LENGTH) return `longer than ${MAX_LENGTH} characters`;
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    const parts = token.split('.').length;
    if (parts === 5) return 'encrypted: a signed JSON Web Token is expected';
    return parts === 3
      ? 'not a JSON Web Token: its parts are not JSON in Base64url'
      : `not a JSON Web Token: expected three parts separated by dots, not ${parts}`;
  }
}

async function checkSignature(
  token: string,
  { alg = 'none' }: ProtectedHeaderParameters,
  keys: TokenCheck['keys'],
  report: Report,
): Promise<void> {
  if (alg === 'none') return report.fail('signature', 'it is not signed (alg is none)');
  if (keys.length === 0) {
    return report.skip('signature', 'needs a key: set HOLDFAST_JWT_SECRET, --secret-file or --public-key-file');
  }
  const outcomes = await Promise.all(keys.map((key) => verify(token, key)));
  const index = outcomes.indexOf('ok');
  const which = keys.length === 1 ? 'the key' : `key ${index + 1} of ${keys.length}`;
  if (index !== -1) return report.ok('signature', `verified by ${which} (${alg})`);
  if (outcomes.every((outcome) => outcome === 'other kind')) {
    return report.fail('signature', `its algorithm ${alg} needs a ${alg.startsWith('HS') ? 'secret' : 'public key'}`);
  }
  report.fail(
    'signature',
    keys.length === 1 ? 'signed with another key' : `signed with none of the ${keys.length} keys`,
  );
}

async function verify(token: string, key: Uint8Array | KeyObject): Promise<'ok' | 'other key' | 'other kind'> {
  try {
    await compactVerify(token, key);
    return 'ok';
  } catch (error) {
    return error instanceof errors.JWSSignatureVerificationFailed ? 'other key' : 'other kind';
  }
}

function checkTimes({ exp, nbf }: JWTPayload, report: Report): void {
  const now = Date.now() / 1_000;
  const wrong = Object.entries({ exp, nbf }).find(([, time]) => time !== undefined && !Number.isFinite(time));
  if (wrong !== undefined) return report.fail('time', `the claim ${wrong[0]} is not a number of seconds`);
  if (exp !== undefined && exp > 100_000_000_000)
    return report.fail('time', 'the claim exp is in ms: it must be in seconds');
  if (exp !== undefined && exp + TOLERANCE <= now) return report.fail('time', `expired at ${instant(exp)} (exp)`);
  if (nbf !== undefined && nbf - TOLERANCE > now) {
    return report.fail('time', `not valid before ${instant(nbf)} (nbf): compare the clocks`);
  }
  report.ok('time', exp === undefined ? 'never expires (there is no exp)' : `valid until ${instant(exp)}`);
}

function instant(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}

function checkClaims(claims: JWTPayload, report: Report): void {
  const { sub, channel } = claims;
  const before = report.failed;
  if (sub === undefined) report.skip('claims', 'there is no sub: the client has no user');
  else if (typeof sub !== 'string' || sub === '' || sub.length > 200) {
    report.fail('claims', 'sub: expected a text of 1 to 200 characters');
  }
  for (const name of ['channels', 'publish']) {
    const value = claims[name];
    if (value !== undefined && !(Array.isArray(value) && value.every((pattern) => typeof pattern === 'string'))) {
      report.fail('claims', `${name}: expected a list of patterns`);
    }
  }
  if (channel !== undefined) {
    report.fail('claims', 'channel: this is a subscription token, which cannot open a connection');
  }
  if (report.failed === before) report.ok('claims', `has ${Object.keys(claims).join(', ')}`);
}

/** The keys that the gateway verifies tokens with, as far as they are given. @throws Failure */
export function readVerificationKeys(
  { secretFile, publicKeyFile }: { readonly secretFile?: string; readonly publicKeyFile?: string },
  env: NodeJS.ProcessEnv,
): (Uint8Array | KeyObject)[] {
  if (publicKeyFile !== undefined) return readPublicKeys(publicKeyFile);
  const secrets = readSecret({ option: '--secret-file', file: secretFile, variable: 'HOLDFAST_JWT_SECRET', env });
  return (secrets ?? '')
    .split(/[\n,]/)
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
    .map((secret) => new TextEncoder().encode(secret));
}

function readPublicKeys(file: string): KeyObject[] {
  const blocks = readSecretFile('--public-key-file', file).match(/-----BEGIN[\s\S]+?-----END[^-]+-----/g) ?? [];
  try {
    if (blocks.length > 0) return blocks.map((pem) => createPublicKey(pem));
  } catch {
    // Node's message would not help the user.
  }
  throw new Failure(EXIT.usage, '--public-key-file: expected PEM public keys');
}
