import { SignJWT, type JWTPayload } from 'jose';
import { EXIT, Failure } from './failure.js';
import { readSecret } from './secrets.js';

/** The variable with the secret that the gateway verifies tokens with. */
export const JWT_SECRET = 'HOLDFAST_JWT_SECRET';

/** A gateway refuses shorter ones (RFC 7518, section 3.2). */
const MIN_SECRET_BYTES = 32;

/**
 * The key to sign with, of the secret in a file or else of the environment; undefined where there is none.
 *
 * @throws Failure that does not name the secret.
 */
export function readSigningKey(file: string | undefined, env: NodeJS.ProcessEnv): Uint8Array | undefined {
  const secrets = readSecret({ option: '--secret-file', file, variable: JWT_SECRET, env });
  const secret = secrets === undefined ? undefined : firstOf(secrets);
  if (secret === undefined) return undefined;
  const key = new TextEncoder().encode(secret);
  if (key.length >= MIN_SECRET_BYTES) return key;
  throw new Failure(EXIT.usage, `the secret is shorter than ${MIN_SECRET_BYTES} bytes, which a gateway does not take`);
}

/** The first of several secrets, which stand as the gateway reads them: separated by commas or lines. */
export function firstOf(secrets: string): string | undefined {
  return secrets
    .split(/[\n,]/)
    .map((item) => item.trim())
    .find((item) => item !== '');
}

/** @param lifetime in ms. */
export function signToken(claims: JWTPayload, lifetime: number, key: Uint8Array): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(lifetime / 1000))
    .sign(key);
}

/** The claims that a gateway may ask for. */
export function gatewayClaims({ issuer, audience }: { issuer?: string; audience?: string }): JWTPayload {
  return { ...(issuer === undefined ? {} : { iss: issuer }), ...(audience === undefined ? {} : { aud: audience }) };
}
