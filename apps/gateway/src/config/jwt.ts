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
            'Secrets that tokens are signed with (HS256, HS384, HS512). A token may use any of them: to rotate, add ' +
            'the new one next to the old one.',
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
            'Public keys that verify tokens (RS, PS, ES, EdDSA). A token may use any of them: to rotate, add the ' +
            'new one after the old one.',
          env: 'HOLDFAST_JWT_PUBLIC_KEY',
          file: true,
          expected: PUBLIC_KEYS,
        },
      ),
      jwks: z
        .strictObject({
          url: setting(httpUrl().exactOptional(), {
            description:
              "The URL of the issuer's public keys, a JSON Web Key Set (RFC 7517): an OpenID provider's `jwks_uri`.",
            env: 'HOLDFAST_JWKS_URL',
            expected: HTTP_URL,
          }),
          maxAge: setting(seconds(1, 86_400).prefault(600), {
            description: 'The age at which the keys are fetched again. They remain in use meanwhile.',
            unit: 'seconds',
          }),
          maxStale: setting(seconds(1, 604_800).prefault(3_600), {
            description:
              'The age up to which the keys are used if they cannot be fetched again. A key that the issuer has ' +
              'withdrawn may be accepted for this long.',
            unit: 'seconds',
          }),
          cooldown: setting(seconds(0.1, 3_600).prefault(10), {
            description:
              'How long after a fetch a token with an unknown key causes no other fetch. Until then its client is ' +
              'refused, and may try again.',
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
        description: 'What the `aud` claim of every token must contain.',
      }),
      clockTolerance: setting(seconds(0, 300).prefault(5), {
        description: "How far the issuer's clock may differ from ours when `exp` and `nbf` are checked.",
        unit: 'seconds',
      }),
    })
    .prefault({});
}

export type JwtSettings = z.output<ReturnType<typeof jwtSchema>>;

/** Whether anything is configured that can verify a token. */
export function verifiesTokens({ secrets, publicKeys, jwks }: JwtSettings): boolean {
  return secrets.current.length > 0 || publicKeys.current.length > 0 || jwks.url !== undefined;
}
