import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { MAX_TOKEN_LENGTH, userSchema } from '@holdfast/protocol';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { connectionClaims, expirySchema, usualClaims } from './connection-claims.js';
import type { Identity } from './identity.js';
import { KeySet, KeysUnavailableError } from './key-set.js';
import { RefusedTokens } from './refused-tokens.js';
import { SecretSignedTokens, type Expected } from './secret-signed-token.js';
import { MALFORMED, NO_KEY, TOO_LONG, TokenProblem } from './token-problem.js';
import { PUBLIC_KEY_ALGORITHMS, publicKey, secretKey, type VerificationKey } from './verification-keys.js';
import { EventLog } from '../logging/event-log.js';

const subscriptionClaims = z.object({
  sub: userSchema.optional(),
  channel: z.string(),
  exp: expirySchema,
});

/** Permits one channel to one user or anonymous connection: from a subscription token, or from the webhook. */
export interface SubscriptionGrant {
  readonly user?: string | undefined;
  readonly channel: string;
  /** On the clock of `performance.now()`; absent if it never expires. */
  readonly expiresAt?: number;
}

/** Verifies JSON Web Tokens (RFC 7519) with the configured keys. */
@Injectable()
export class Authenticator implements OnModuleInit {
  private readonly secrets: { readonly current: readonly VerificationKey[] };
  private readonly publicKeys: { readonly current: readonly VerificationKey[] };
  private readonly expected: Expected;
  private readonly secretSigned: SecretSignedTokens;
  private readonly published: KeySet | undefined;
  private readonly refusedTokens: RefusedTokens;
  private isFetchFailing = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    this.refusedTokens = new RefusedTokens(metrics, log);
    const { secrets, publicKeys, jwks, issuer, audience, clockTolerance } = config.auth.jwt;
    this.secrets = secrets.derive((texts) => texts.map(secretKey));
    this.publicKeys = publicKeys.derive((texts) => texts.map(publicKey));
    this.expected = {
      clockTolerance: clockTolerance / 1000,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    this.secretSigned = new SecretSignedTokens(this.expected);
    const { url } = jwks;
    if (url !== undefined) {
      this.published = new KeySet({ ...jwks, url, onFetched: (problem) => this.keysFetched(problem) });
    }
  }

  onModuleInit(): void {
    this.published?.prepare();
  }

  /** @throws ProtocolError `unauthorized`, or `authorization_unavailable` if the token's key cannot be fetched now */
  async connection(token: string): Promise<Identity> {
    const verified = this.verifyUsual(token) ?? (await this.verify(token));
    const usual = verified instanceof TokenProblem ? undefined : usualClaims(verified);
    const { sub, info, channels, publish, exp } = usual ?? this.claims(verified, connectionClaims);
    return {
      channels,
      publish,
      ...(sub === undefined ? {} : { user: sub }),
      ...(info === undefined ? {} : { info }),
      ...this.expiry(exp),
    };
  }

  /** @throws ProtocolError as {@link connection} does */
  async subscription(token: string): Promise<SubscriptionGrant> {
    const { sub, channel, exp } = this.claims(
      this.verifyUsual(token) ?? (await this.verify(token)),
      subscriptionClaims,
    );
    return { user: sub, channel, ...this.expiry(exp) };
  }

  /** The validated claims. The client does not learn why a token is refused, the log and the metrics do. */
  private claims<T>(verified: JWTPayload | TokenProblem, schema: z.ZodType<T>): T {
    const parsed = verified instanceof TokenProblem ? verified : schema.safeParse(verified);
    if (!(parsed instanceof TokenProblem) && parsed.success) return parsed.data;
    this.refusedTokens.refused(parsed instanceof TokenProblem ? parsed : TokenProblem.ofClaims(parsed.error));
    throw new ProtocolError('unauthorized');
  }

  /** @returns undefined for anything other than a valid token in the usual form, signed with a secret. */
  private verifyUsual(token: string): JWTPayload | undefined {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    for (const key of this.secrets.current) {
      const payload = this.secretSigned.payloadOf(token, key);
      if (payload !== undefined) return payload;
    }
    return undefined;
  }

  private async verify(token: string): Promise<JWTPayload | TokenProblem> {
    if (token.length > MAX_TOKEN_LENGTH) return TOO_LONG;
    let problem = NO_KEY;
    for (const verified of this.attempts(token)) {
      const result = await verified;
      if (!(result instanceof TokenProblem)) return result;
      problem = TokenProblem.nearest(problem, result);
    }
    return problem;
  }

  /** Tries one key after another. */
  private *attempts(token: string): Generator<Promise<JWTPayload | TokenProblem> | JWTPayload | TokenProblem> {
    for (const key of this.secrets.current) yield this.verifyWithSecret(token, key);
    for (const { key, algorithms } of this.publicKeys.current) yield this.verifyWith(token, () => key, algorithms);
    if (this.published) yield this.verifyWith(token, this.published.find, PUBLIC_KEY_ALGORITHMS);
  }

  /**
   * Like {@link verifyWith}, but synchronously: the round trip through another thread costs several times as much as
   * the hash.
   */
  private verifyWithSecret(token: string, { key, algorithms }: VerificationKey): JWTPayload | TokenProblem {
    try {
      const { header, payload } = jsonwebtoken.verify(token, key, {
        algorithms: algorithms as jsonwebtoken.Algorithm[],
        complete: true,
        ...this.expected,
      });
      // Extensions that must be understood (RFC 7515, section 4.1.11): we support none.
      return header.crit === undefined && typeof payload === 'object' ? (payload as JWTPayload) : MALFORMED;
    } catch (error) {
      // Any error is about the token: the configuration has accepted the key.
      return TokenProblem.ofSecret(error);
    }
  }

  /** @returns the problem if the token is not valid with this key. Another one may fit. */
  private async verifyWith(
    token: string,
    find: JWTVerifyGetKey,
    algorithms: string[],
  ): Promise<JWTPayload | TokenProblem> {
    try {
      const { payload } = await jwtVerify(token, find, {
        algorithms,
        ...this.expected,
      });
      return payload;
    } catch (error) {
      if (error instanceof KeysUnavailableError) throw new ProtocolError('authorization_unavailable');
      if (error instanceof errors.JWKSMultipleMatchingKeys) return this.verifyWithEach(token, error, algorithms);
      if (error instanceof errors.JOSEError || error instanceof TypeError) return TokenProblem.ofPublicKey(error);
      throw error;
    }
  }

  private async verifyWithEach(
    token: string,
    keys: errors.JWKSMultipleMatchingKeys,
    algorithms: string[],
  ): Promise<JWTPayload | TokenProblem> {
    let problem = NO_KEY;
    for await (const key of keys) {
      const result = await this.verifyWith(token, () => key, algorithms);
      if (!(result instanceof TokenProblem)) return result;
      problem = TokenProblem.nearest(problem, result);
    }
    return problem;
  }

  /** A token that was accepted after its expiry, thanks to the clock tolerance, ends when the tolerance does. */
  private expiry(exp: number | undefined): { expiresAt?: number } {
    if (exp === undefined) return {};
    const left = exp * 1000 - Date.now();
    // From here on a monotonic clock counts: changing the system's clock has no effect.
    return { expiresAt: performance.now() + (left > 0 ? left : left + this.config.auth.jwt.clockTolerance) };
  }

  private keysFetched(problem: string | undefined): void {
    this.metrics.keyFetches.inc({ outcome: problem === undefined ? 'success' : 'failure' });
    if (problem === undefined) {
      this.log.write(this.isFetchFailing ? 'keys.available' : 'keys.fetched');
    } else {
      this.log.write(this.isFetchFailing ? 'keys.fetch_failed' : 'keys.unavailable', { reason: problem });
    }
    this.isFetchFailing = problem !== undefined;
  }
}
