import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';
import { EXIT, Failure } from './failure.js';
import { readSecret, readSecretFile } from './secrets.js';

/** The variable with the secret that the gateway verifies tokens with. */
export const JWT_SECRET = 'HOLDFAST_JWT_SECRET';

/** A gateway refuses shorter secrets (RFC 7518, section 3.2). */
const MIN_SECRET_BYTES = 32;

/** The key of a token's signature. */
export interface SigningKey {
  readonly key: Uint8Array | KeyObject;
  /** See RFC 7518, section 3.1, and RFC 8037. */
  readonly alg: string;
}

/**
 * Reads the secret to sign with from a file or the environment; undefined if there is none.
 *
 * @throws Failure that does not contain the secret.
 */
export function readSigningKey(file: string | undefined, env: NodeJS.ProcessEnv): SigningKey | undefined {
  const secrets = readSecret({ option: '--secret-file', file, variable: JWT_SECRET, env });
  const secret = secrets === undefined ? undefined : firstOf(secrets);
  if (secret === undefined) return undefined;
  const key = new TextEncoder().encode(secret);
  if (key.length >= MIN_SECRET_BYTES) return { key, alg: 'HS256' };
  throw new Failure(EXIT.usage, `the secret must have at least ${MIN_SECRET_BYTES} bytes`);
}

/**
 * Reads the key to sign with from a file with a PEM private key.
 *
 * @throws Failure that does not contain the key.
 */
export function readPrivateKey(file: string): SigningKey {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(readSecretFile('--private-key-file', file));
  } catch (error) {
    // Node's message would not help the user.
    if (error instanceof Failure) throw error;
  }
  const alg = key && algorithmOf(key);
  if (key !== undefined && alg !== undefined) return { key, alg };
  throw new Failure(
    EXIT.usage,
    '--private-key-file: expected a PEM private key without a passphrase: RSA, EC P-256, P-384 or P-521, or Ed25519',
  );
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  switch (asymmetricKeyType) {
    case 'rsa':
      return 'RS256';
    case 'ed25519':
      return 'EdDSA';
    case 'ec':
      return { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }[asymmetricKeyDetails?.namedCurve ?? ''];
    default:
      return undefined;
  }
}

/** The first of several secrets in the gateway's format: separated by commas or lines. */
export function firstOf(secrets: string): string | undefined {
  return secrets
    .split(/[\n,]/)
    .map((item) => item.trim())
    .find((item) => item !== '');
}

/**
 * @param lifetime in ms.
 * @param kid the key's id in a key set.
 */
export function signToken(
  claims: JWTPayload,
  lifetime: number,
  { key, alg }: SigningKey,
  kid?: string,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(lifetime / 1000))
    .sign(key);
}

/** The claims that a gateway may require. */
export function gatewayClaims({ issuer, audience }: { issuer?: string; audience?: string }): JWTPayload {
  return { ...(issuer === undefined ? {} : { iss: issuer }), ...(audience === undefined ? {} : { aud: audience }) };
}
