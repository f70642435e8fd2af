import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { dataSchema, MAX_TOKEN_LENGTH, userSchema } from '@holdfast/protocol';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import type { Identity } from './identity.js';
import { KeySet, KeysUnavailableError } from './key-set.js';
import { patternsSchema } from './patterns-schema.js';
import { PUBLIC_KEY_ALGORITHMS, publicKey, secretKey, type VerificationKey } from './verification-keys.js';

/** The last second that a JavaScript Date can tell. */
const LAST_SECOND = 8.64e12;

const expirySchema = z.number().max(LAST_SECOND).optional();

const connectionClaims = z.object({
  sub: userSchema.optional(),
  info: dataSchema.optional(),
  channels: patternsSchema.default([]),
  publish: patternsSchema.default([]),
  // A subscription token is for one channel and must not open a connection.
  channel: z.never().optional(),
  exp: expirySchema,
});

const subscriptionClaims = z.object({
  sub: userSchema.optional(),
  channel: z.string(),
  exp: expirySchema,
});

/** What permits one channel to one user, or to an anonymous connection: a subscription token, or the webhook. */
export interface SubscriptionGrant {
  readonly user?: string | undefined;
  readonly channel: string;
  /** On the clock of `performance.now()`; absent if it does not end. */
  readonly expiresAt?: number;
}

/** Verifies JSON Web Tokens (RFC 7519) with what the configuration names. */
@Injectable()
export class Authenticator implements OnModuleInit {
  private readonly secrets: { readonly current: readonly VerificationKey[] };
  private readonly publicKeys: { readonly current: readonly VerificationKey[] };
  /** What a token must say, whoever verifies it. */
  private readonly expected: { readonly clockTolerance: number; readonly issuer?: string; readonly audience?: string };
  private readonly published: KeySet | undefined;
  private isFetchFailing = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @InjectPinoLogger(Authenticator.name) private readonly logger: PinoLogger,
  ) {
    const { secrets, publicKeys, jwks, issuer, audience, clockTolerance } = config.auth.jwt;
    this.secrets = secrets.derive((texts) => texts.map(secretKey));
    this.publicKeys = publicKeys.derive((texts) => texts.map(publicKey));
    this.expected = {
      clockTolerance: clockTolerance / 1000,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    const { url } = jwks;
    if (url !== undefined) {
      this.published = new KeySet({ ...jwks, url, onFetched: (problem) => this.keysFetched(problem) });
    }
  }

  onModuleInit(): void {
    this.published?.prepare();
  }

  /** @throws ProtocolError `unauthorized`, or `authorization_unavailable` where the token's key cannot be fetched now */
  async connection(token: string): Promise<Identity> {
    const claims = parse(connectionClaims, await this.verify(token));
    const { sub, info, channels, publish, exp } = claims;
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
    const { sub, channel, exp } = parse(subscriptionClaims, await this.verify(token));
    return { user: sub, channel, ...this.expiry(exp) };
  }

  private async verify(token: string): Promise<JWTPayload> {
    if (token.length > MAX_TOKEN_LENGTH) throw new ProtocolError('unauthorized');
    for (const key of this.secrets.current) {
      const payload = this.verifyWithSecret(token, key);
      if (payload !== undefined) return payload;
    }
    for (const { key, algorithms } of this.publicKeys.current) {
      const payload = await this.verifyWith(token, () => key, algorithms);
      if (payload !== undefined) return payload;
    }
    const payload = this.published && (await this.verifyWith(token, this.published.find, PUBLIC_KEY_ALGORITHMS));
    // What was wrong with the token is told to nobody.
    if (payload === undefined) throw new ProtocolError('unauthorized');
    return payload;
  }

  /** As {@link verifyWith}, without the way over another thread that costs several times as much as the hash itself. */
  private verifyWithSecret(token: string, { key, algorithms }: VerificationKey): JWTPayload | undefined {
    try {
      const { header, payload } = jsonwebtoken.verify(token, key, {
        algorithms: algorithms as jsonwebtoken.Algorithm[],
        complete: true,
        ...this.expected,
      });
      // Extensions that must be understood (RFC 7515, section 4.1.11): none are.
      return header.crit === undefined && typeof payload === 'object' ? (payload as JWTPayload) : undefined;
    } catch {
      // Whatever it throws is about the token: the key is one that the configuration accepts.
      return undefined;
    }
  }

  /** @returns nothing where this key does not make it a valid token: another may. */
  private async verifyWith(
    token: string,
    find: JWTVerifyGetKey,
    algorithms: string[],
  ): Promise<JWTPayload | undefined> {
    try {
      const { payload } = await jwtVerify(token, find, {
        algorithms,
        ...this.expected,
      });
      return payload;
    } catch (error) {
      if (error instanceof KeysUnavailableError) throw new ProtocolError('authorization_unavailable');
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        for await (const key of error) {
          const payload = await this.verifyWith(token, () => key, algorithms);
          if (payload !== undefined) return payload;
        }
        return undefined;
      }
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** What was taken although it had ended, for the sake of the issuer's clock, ends when the tolerance does. */
  private expiry(exp: number | undefined): { expiresAt?: number } {
    if (exp === undefined) return {};
    const left = exp * 1000 - Date.now();
    // From here on by a monotonic clock: setting the system's ends nobody, and keeps nobody.
    return { expiresAt: performance.now() + (left > 0 ? left : left + this.config.auth.jwt.clockTolerance) };
  }

  private keysFetched(problem: string | undefined): void {
    this.metrics.keyFetches.inc({ outcome: problem === undefined ? 'success' : 'failure' });
    if (problem === undefined) {
      if (this.isFetchFailing) this.logger.info('the keys of HOLDFAST_JWKS_URL can be fetched again');
      else this.logger.debug('the keys of HOLDFAST_JWKS_URL were fetched');
    } else {
      const level = this.isFetchFailing ? 'debug' : 'warn';
      this.logger[level]({ reason: problem }, 'the keys of HOLDFAST_JWKS_URL cannot be fetched: trying again');
    }
    this.isFetchFailing = problem !== undefined;
  }
}

function parse<T>(schema: z.ZodType<T>, payload: JWTPayload): T {
  const { success, data } = schema.safeParse(payload);
  if (!success) throw new ProtocolError('unauthorized');
  return data;
}
