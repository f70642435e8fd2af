import { createHmac, timingSafeEqual } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { VerificationKey } from './verification-keys.js';

/** Three parts in base64url (RFC 7515, section 7.1). */
const COMPACT = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

const HASHES: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

/** All tokens of an issuer have the same header, or one of a few. */
const MAX_HEADERS = 64;

/** What every token must have, whichever key verifies it. */
export interface Expected {
  /** In s. */
  readonly clockTolerance: number;
  readonly issuer?: string;
  readonly audience?: string;
}

/**
 * Verifies tokens that are signed with a shared secret. It knows only the usual form of a valid token, and has no
 * opinion about any other: jsonwebtoken verifies those, and decides why they are refused. So this never accepts what
 * jsonwebtoken refuses. It takes less than half of the time, because it parses a token once instead of three times.
 */
export class SecretSignedTokens {
  /** The algorithm of each header seen in a verified token, by the header's encoded text. */
  private readonly headers = new Map<string, string>();

  constructor(private readonly expected: Expected) {}

  /** @returns undefined if the token is not valid with this key, or not in the usual form. */
  payloadOf(token: string, { key, algorithms }: VerificationKey): JWTPayload | undefined {
    const [, header, content, signature] = COMPACT.exec(token) ?? [];
    if (header === undefined || content === undefined || signature === undefined) return undefined;
    const algorithm = this.headers.get(header) ?? algorithmOf(header);
    const hash = algorithm !== undefined && algorithms.includes(algorithm) ? HASHES[algorithm] : undefined;
    if (algorithm === undefined || hash === undefined) return undefined;
    const signed = token.slice(0, -signature.length - 1);
    if (!isEqual(signature, createHmac(hash, key).update(signed).digest('base64url'))) return undefined;
    if (this.headers.size < MAX_HEADERS) this.headers.set(header, algorithm);
    const payload = parsed(content);
    return payload !== undefined && this.isAsExpected(payload) ? payload : undefined;
  }

  /** RFC 7519, section 4.1. */
  private isAsExpected({ exp, nbf, iss, aud }: Readonly<Record<string, unknown>>): boolean {
    const { clockTolerance, issuer, audience } = this.expected;
    const now = Math.floor(Date.now() / 1000);
    return (
      (exp === undefined || (typeof exp === 'number' && now < exp + clockTolerance)) &&
      (nbf === undefined || (typeof nbf === 'number' && nbf <= now + clockTolerance)) &&
      (issuer === undefined || iss === issuer) &&
      (audience === undefined || aud === audience || (Array.isArray(aud) && aud.includes(audience)))
    );
  }
}

/** The `alg` of a header; undefined if it has extensions that must be understood (RFC 7515, section 4.1.11). */
function algorithmOf(header: string): string | undefined {
  const { alg, crit } = parsed(header) ?? {};
  return crit === undefined && typeof alg === 'string' ? alg : undefined;
}

function parsed(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** In constant time for texts of the same length. */
function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
