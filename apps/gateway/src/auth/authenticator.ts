import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { dataSchema, userSchema } from '@holdfast/protocol';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import type { Identity } from './identity.js';

const patternsSchema = z.array(z.string().min(1).max(255)).max(1000).default([]);

const connectionClaims = z.object({
  sub: userSchema.optional(),
  info: dataSchema.optional(),
  channels: patternsSchema,
  publish: patternsSchema,
  // A subscription token is for one channel and must not open a connection.
  channel: z.never().optional(),
  exp: z.number().optional(),
});

const subscriptionClaims = z.object({
  sub: userSchema.optional(),
  channel: z.string(),
  exp: z.number().optional(),
});

/** What a subscription token permits: one channel, to one user or to anonymous connections. */
export interface SubscriptionGrant {
  readonly user?: string | undefined;
  readonly channel: string;
  /** In ms since the Unix epoch; absent where it does not end. */
  readonly expiresAt?: number;
}

/**
 * Verifies JSON Web Tokens (RFC 7519). The algorithms follow from the kind of key and never from the token
 * (RFC 8725, section 3.1).
 */
@Injectable()
export class Authenticator {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @throws ProtocolError `unauthorized` */
  async connection(token: string): Promise<Identity> {
    const claims = parse(connectionClaims, await this.verify(token));
    const { sub, info, channels, publish, exp } = claims;
    return {
      channels,
      publish,
      ...(sub === undefined ? {} : { user: sub }),
      ...(info === undefined ? {} : { info }),
      ...(exp === undefined ? {} : { expiresAt: exp * 1000 }),
    };
  }

  /** @throws ProtocolError `unauthorized` */
  async subscription(token: string): Promise<SubscriptionGrant> {
    const { sub, channel, exp } = parse(subscriptionClaims, await this.verify(token));
    return { user: sub, channel, ...(exp === undefined ? {} : { expiresAt: exp * 1000 }) };
  }

  private async verify(token: string): Promise<JWTPayload> {
    const { issuer, audience, clockTolerance } = this.config.auth.jwt;
    for (const { key, algorithms } of this.keys()) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms,
          clockTolerance: clockTolerance / 1000,
          ...(issuer === undefined ? {} : { issuer }),
          ...(audience === undefined ? {} : { audience }),
        });
        return payload;
      } catch (error) {
        // Another key may be the right one; what was wrong with the token is told to nobody.
        if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error;
      }
    }
    throw new ProtocolError('unauthorized');
  }

  /** The present keys: secrets are read again when they are rotated. */
  private keys(): readonly VerificationKey[] {
    const { secrets, publicKey } = this.config.auth.jwt;
    return [
      ...secrets.current.map(secretKey),
      ...(publicKey.current === undefined ? [] : [publicKeyOf(publicKey.current)]),
    ];
  }
}

interface VerificationKey {
  readonly key: KeyObject;
  readonly algorithms: string[];
}

const secretKey = memoized((secret: string): VerificationKey => ({
  key: createSecretKey(Buffer.from(secret)),
  algorithms: ['HS256', 'HS384', 'HS512'],
}));

const publicKeyOf = memoized((pem: string): VerificationKey => {
  const key = createPublicKey(pem);
  return { key, algorithms: publicKeyAlgorithms(key) };
});

function publicKeyAlgorithms(key: KeyObject): string[] {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ec':
      return ['ES256', 'ES384', 'ES512'];
    default:
      return ['EdDSA', 'Ed25519'];
  }
}

function memoized<T>(make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>();
  return (text) => {
    let value = made.get(text);
    if (value === undefined) made.set(text, (value = make(text)));
    return value;
  };
}

function parse<T>(schema: z.ZodType<T>, payload: JWTPayload): T {
  const { success, data } = schema.safeParse(payload);
  if (!success) throw new ProtocolError('unauthorized');
  return data;
}
