import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

/**
 * A key, and the algorithms that it may be used with. They depend on the kind of the key, and never on the token (RFC
 * 8725, section 3.1).
 */
export interface VerificationKey {
  readonly key: KeyObject;
  readonly algorithms: string[];
}

export function secretKey(secret: string): VerificationKey {
  return { key: createSecretKey(Buffer.from(secret)), algorithms: ['HS256', 'HS384', 'HS512'] };
}

/** @param pem as the configuration has accepted it. */
export function publicKey(pem: string): VerificationKey {
  const key = createPublicKey(pem);
  return { key, algorithms: algorithmsOf(key) };
}

/** RFC 7518, section 3.1; RFC 8037; RFC 9864. */
function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string[] {
  switch (asymmetricKeyType) {
    case 'rsa':
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ec':
      switch (asymmetricKeyDetails?.namedCurve) {
        case 'prime256v1':
          return ['ES256'];
        case 'secp384r1':
          return ['ES384'];
        default:
          return ['ES512'];
      }
    default:
      return ['EdDSA', 'Ed25519'];
  }
}

/** The algorithms for fetched keys. A key set contains no secrets, so those of {@link secretKey} are missing. */
export const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
