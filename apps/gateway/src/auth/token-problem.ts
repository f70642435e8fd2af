import { errors } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import type { z } from 'zod';

/** What is wrong with a token, in the order in which its verification gets there. */
const REASONS = [
  'too_long',
  'no_key',
  'malformed',
  'algorithm',
  'signature',
  'not_active',
  'expired',
  'audience',
  'issuer',
  'claim',
] as const;

export type TokenReason = (typeof REASONS)[number];

/** Why a token is refused. It never contains a part of the token. */
export class TokenProblem {
  constructor(
    readonly reason: TokenReason,
    /** For the log. */
    readonly detail: string,
  ) {}

  /** Of two keys' problems, that of the key that fits better. */
  static nearest(one: TokenProblem, other: TokenProblem): TokenProblem {
    return REASONS.indexOf(other.reason) > REASONS.indexOf(one.reason) ? other : one;
  }

  /** @param error of jsonwebtoken. */
  static ofSecret(error: unknown): TokenProblem {
    if (error instanceof jsonwebtoken.TokenExpiredError) return EXPIRED;
    if (error instanceof jsonwebtoken.NotBeforeError) return NOT_ACTIVE;
    const message = error instanceof jsonwebtoken.JsonWebTokenError ? error.message : '';
    if (message === 'invalid signature' || message === 'jwt signature is required') return SIGNATURE;
    if (message === 'invalid algorithm') return ALGORITHM;
    if (message.startsWith('jwt audience invalid')) return AUDIENCE;
    if (message.startsWith('jwt issuer invalid')) return ISSUER;
    const [, time] = /^invalid (exp|nbf) value$/.exec(message) ?? [];
    return time === undefined ? MALFORMED : new TokenProblem('claim', `${time}: expected a number of seconds`);
  }

  /** @param error of jose. */
  static ofPublicKey(error: unknown): TokenProblem {
    if (error instanceof errors.JWTExpired) return EXPIRED;
    if (error instanceof errors.JWTClaimValidationFailed) {
      const { claim, reason } = error;
      if (claim === 'nbf' && reason === 'check_failed') return NOT_ACTIVE;
      if (claim === 'aud') return AUDIENCE;
      if (claim === 'iss') return ISSUER;
      return new TokenProblem('claim', `${claim}: expected a number of seconds`);
    }
    if (error instanceof errors.JWSSignatureVerificationFailed) return SIGNATURE;
    if (error instanceof errors.JWKSNoMatchingKey) return NO_MATCH;
    // A TypeError: the key is of another kind than the algorithm.
    if (error instanceof errors.JOSEAlgNotAllowed || error instanceof TypeError) return ALGORITHM;
    return MALFORMED;
  }

  /** Names the claim and what was expected of it. */
  static ofClaims({ issues: [issue] }: z.ZodError): TokenProblem {
    return new TokenProblem('claim', `${String(issue?.path[0] ?? 'payload')}: ${issue?.message}`);
  }
}

export const TOO_LONG = new TokenProblem('too_long', 'it is longer than a token may be');
export const NO_KEY = new TokenProblem(
  'no_key',
  'nothing is configured that verifies tokens: set HOLDFAST_JWT_SECRET, HOLDFAST_JWT_PUBLIC_KEY or HOLDFAST_JWKS_URL',
);
export const MALFORMED = new TokenProblem('malformed', 'it is not a signed JSON Web Token that we support');
const ALGORITHM = new TokenProblem('algorithm', 'no configured key is for its algorithm (alg)');
const SIGNATURE = new TokenProblem('signature', 'no configured key verifies its signature');
const NO_MATCH = new TokenProblem('signature', 'the key set has no key with its kid and alg');
const NOT_ACTIVE = new TokenProblem('not_active', 'it is not valid yet (nbf): compare the clocks');
const EXPIRED = new TokenProblem('expired', 'it has expired (exp)');
const AUDIENCE = new TokenProblem('audience', 'its audience (aud) is not that of auth.jwt.audience');
const ISSUER = new TokenProblem('issuer', 'its issuer (iss) is not that of auth.jwt.issuer');
