import { SignJWT, type JWTPayload } from 'jose';
import { JWT_SECRET } from './gateway.js';

type Key = Parameters<SignJWT['sign']>[0];

/** Signs a token like a backend. */
export function signToken(
  claims: JWTPayload,
  { key = secretKey(JWT_SECRET), alg = 'HS256' }: { key?: Key; alg?: string } = {},
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
}

export function secretKey(secret: string): Uint8Array {
  return new TextEncoder().encode(secret);
}

/** Seconds since the Unix epoch, the format of times in tokens. */
export function secondsFromNow(seconds: number): number {
  return Date.now() / 1000 + seconds;
}
