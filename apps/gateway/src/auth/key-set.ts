import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { OutboundError, request } from '../outbound/request.js';

/** How long a fetch may take, in ms. */
const TIMEOUT_MS = 5_000;

const MAX_BYTES = 262_144;

/** A token without `kid` is tried with each key that fits, so there must not be many. */
const MAX_KEYS = 50;

/** How many tokens with unknown keys may wait for a fetch. Anybody can make one up. */
const MAX_WAITING = 256;

/** ms from a failed fetch to the next, at first and at most. */
const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

/** The key of a token cannot be fetched now, so that it is unknown whether the token is valid. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

/** In ms; see the configuration for their meaning. */
export interface KeySetOptions {
  readonly url: string;
  readonly maxAge: number;
  readonly maxStale: number;
  readonly cooldown: number;
  /** Called after each fetch with the reason why it failed, or undefined. */
  readonly onFetched: (problem: string | undefined) => void;
}

/**
 * An issuer's public keys (JWK Set, RFC 7517, section 5), fetched when needed. `jose` picks the key by a token's
 * header. Keys within a token's header (`jwk`, `jku`, `x5u`) are ignored, and `kid` is only ever compared.
 */
export class KeySet {
  private keys: JWTVerifyGetKey | undefined;
  private fetchedAt = -Infinity;
  private failures = 0;
  /** No fetch before this moment. */
  private notBefore = -Infinity;
  private fetching: Promise<void> | undefined;
  private waiting = 0;

  constructor(private readonly options: KeySetOptions) {}

  /**
   * The key of a token, for `jwtVerify`.
   *
   * @throws KeysUnavailableError; JOSEError if there is no such key.
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const keys = await this.usable();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || header.kid === undefined) throw error;
    }
    // The issuer may have started to use this key since.
    if (this.waiting >= MAX_WAITING) throw new KeysUnavailableError('too many tokens are waiting for the keys');
    this.waiting += 1;
    try {
      const newer = await this.fetch();
      return await newer(header, token);
    } finally {
      this.waiting -= 1;
    }
  };

  /** Fetches the keys before they are needed. Errors are reported to those who need them. */
  prepare(): void {
    this.fetch().catch(() => undefined);
  }

  private async usable(): Promise<JWTVerifyGetKey> {
    const age = performance.now() - this.fetchedAt;
    if (this.keys === undefined || age > this.options.maxStale) return this.fetch();
    if (age > this.options.maxAge) this.prepare();
    return this.keys;
  }

  private async fetch(): Promise<JWTVerifyGetKey> {
    if (this.fetching === undefined) {
      // Tokens with made-up keys must not cause any number of fetches.
      if (performance.now() < this.notBefore) throw new KeysUnavailableError('the keys were fetched a moment ago');
      this.fetching = this.load().finally(() => (this.fetching = undefined));
    }
    await this.fetching;
    if (this.keys === undefined || this.failures > 0) throw new KeysUnavailableError('the keys cannot be fetched');
    return this.keys;
  }

  private async load(): Promise<void> {
    const { url, cooldown, onFetched } = this.options;
    try {
      const text = await request(url, { method: 'GET', timeout: TIMEOUT_MS, maxBytes: MAX_BYTES });
      this.keys = parse(text);
      this.fetchedAt = performance.now();
      this.failures = 0;
      this.notBefore = this.fetchedAt + cooldown;
      onFetched(undefined);
    } catch (error) {
      this.failures += 1;
      const backoff = Math.min(MIN_BACKOFF_MS * 2 ** (this.failures - 1), MAX_BACKOFF_MS);
      // So that pods that failed together do not retry together.
      this.notBefore = performance.now() + backoff * (0.5 + 0.5 * Math.random());
      onFetched(error instanceof OutboundError ? error.message : 'the response is not a JSON Web Key Set');
    }
  }
}

function parse(text: string): JWTVerifyGetKey {
  const set = JSON.parse(text) as JSONWebKeySet;
  const keys = createLocalJWKSet(set);
  if (set.keys.length > MAX_KEYS) throw new OutboundError(`the response has more than ${MAX_KEYS} keys`);
  return keys;
}
