import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

/** A key, and the algorithms that it may be used with: they follow from its kind, never from a token (RFC 8725, section 3.1). */
export interface VerificationKey {
  readonly key: KeyObject;
  readonly algorithms: string[];
}

export function secretKey(secret: string): VerificationKey {
  return { key: createSecretKey(Buffer.from(secret)), algorithms: ['HS256', 'HS384', 'HS512'] };
}

/** @param pem one that the configuration accepts. */
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

/** Every algorithm of a published key: a key set holds no secrets, so none of those of {@link secretKey}. */
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
