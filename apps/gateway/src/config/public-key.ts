import { createPublicKey } from 'node:crypto';

export const PUBLIC_KEY = 'a PEM public key (SPKI): RSA of at least 2048 bits, EC P-256, P-384 or P-521, or Ed25519';

const CURVES = new Set<string | undefined>(['prime256v1', 'secp384r1', 'secp521r1']);

/** Whether a JWT's signature (RFC 7518, section 3; RFC 8037) can be verified with this text. */
export function isPublicKey(pem: string): boolean {
  // createPublicKey takes a private key too, which has no business here.
  if (!pem.trimStart().startsWith('-----BEGIN PUBLIC KEY-----')) return false;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails: details } = createPublicKey(pem);
    switch (asymmetricKeyType) {
      case 'rsa':
        return (details?.modulusLength ?? 0) >= 2048;
      case 'ec':
        return CURVES.has(details?.namedCurve);
      default:
        return asymmetricKeyType === 'ed25519';
    }
  } catch {
    return false;
  }
}
