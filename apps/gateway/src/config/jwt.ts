import { z } from 'zod';
import { arePublicKeys, PUBLIC_KEYS, splitPublicKeys } from './public-keys.js';
import { Reloadable } from './reloadable.js';
import { seconds, setting } from './setting.js';
import { HTTP_URL, httpUrl } from './http-url.js';

/** The smallest HS256 key (RFC 7518, section 3.2), in bytes. */
const MIN_JWT_SECRET_BYTES = 32;

const JWT_SECRETS = 'secrets of at least 32 bytes each, separated by commas or lines';

/** What tokens are verified with, and what they must hold. */
export function jwtSchema() {
  return z
    .strictObject({
      secrets: setting(
        z
          .array(
            z.string().refine((secret) => Buffer.byteLength(secret) >= MIN_JWT_SECRET_BYTES, `expected ${JWT_SECRETS}`),
          )
          .transform((secrets) => new Reloadable(secrets))
          .prefault([]),
        {
          description:
            'What tokens are signed with (HS256, HS384, HS512). All of them verify: put the new one beside the old one ' +
            'to rotate.',
          env: 'HOLDFAST_JWT_SECRET',
          file: true,
          secret: true,
          expected: JWT_SECRETS,
        },
      ),
      publicKeys: setting(
        z
          .string()
          .refine((text) => text.trim() === '' || arePublicKeys(text), `expected ${PUBLIC_KEYS}`)
          .transform(splitPublicKeys)
          .optional()
          .transform((keys = []) => new Reloadable(keys)),
        {
          description:
            'What tokens are verified with that were signed with their private keys (RS, PS, ES, EdDSA). All of them ' +
            'verify: put the new one behind the old one to rotate.',
          env: 'HOLDFAST_JWT_PUBLIC_KEY',
          file: true,
          expected: PUBLIC_KEYS,
        },
      ),
      jwks: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description:
              "Where the issuer publishes its public keys, as a JSON Web Key Set (RFC 7517): an OpenID provider's `jwks_uri`.",
            env: 'HOLDFAST_JWKS_URL',
            expected: HTTP_URL,
          }),
          maxAge: setting(seconds(1, 86_400).prefault(600), {
            description: 'The age at which the keys are fetched again, while they go on being used.',
            unit: 'seconds',
          }),
          maxStale: setting(seconds(1, 604_800).prefault(3_600), {
            description:
              'The age up to which the keys are used while they cannot be fetched again: so long may a key count that the ' +
              'issuer has withdrawn.',
            unit: 'seconds',
          }),
          cooldown: setting(seconds(0.1, 3_600).prefault(10), {
            description:
              'How long after a fetch a token of an unknown key does not cause another; until then it is refused as ' +
              'something to try again.',
            unit: 'seconds',
          }),
        })
        .refine(({ maxAge, maxStale }) => maxStale >= maxAge, {
          path: ['maxStale'],
          error: 'expected at least auth.jwt.jwks.maxAge',
        })
        .prefault({}),
      issuer: setting(z.string().min(1).max(255).exactOptional(), {
        description: 'The `iss` claim that every token must have.',
      }),
      audience: setting(z.string().min(1).max(255).exactOptional(), {
        description: 'What the `aud` claim of every token must hold.',
      }),
      clockTolerance: setting(seconds(0, 300).prefault(5), {
        description: "How far the issuer's clock may be from ours when `exp` and `nbf` are checked.",
        unit: 'seconds',
      }),
    })
    .prefault({});
}

export type JwtSettings = z.output<ReturnType<typeof jwtSchema>>;

/** Whether there is anything that a token could be verified with. */
export function verifiesTokens({ secrets, publicKeys, jwks }: JwtSettings): boolean {
  return secrets.current.length > 0 || publicKeys.current.length > 0 || jwks.url !== undefined;
}
