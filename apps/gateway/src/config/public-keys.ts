import { createPublicKey } from 'node:crypto';

export const PUBLIC_KEYS =
  'one or more PEM public keys (SPKI), one after the other: RSA of at least 2048 bits, EC P-256, P-384 or P-521, or Ed25519';

const CURVES = new Set<string | undefined>(['prime256v1', 'secp384r1', 'secp521r1']);

const PEM = /-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g;

/** The PEM blocks of a text accepted by {@link arePublicKeys}. */
export function splitPublicKeys(text: string): readonly string[] {
  return text.match(PEM) ?? [];
}

/** Whether this text can verify the signatures of JWTs (RFC 7518, section 3; RFC 8037). */
export function arePublicKeys(text: string): boolean {
  const keys = splitPublicKeys(text);
  // Only public keys: createPublicKey also accepts a private key, which must never be configured here.
  return keys.length > 0 && text.replace(PEM, '').trim() === '' && keys.every(isPublicKey);
}

function isPublicKey(pem: string): boolean {
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
