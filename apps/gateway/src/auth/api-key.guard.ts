import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { KnownKeys } from './known-keys.js';
import { bearerOf } from './token-carriers.js';

/** The key of each request is hashed once. A member, since an entry in a WeakMap costs the garbage collection more. */
const PUBLISHER = Symbol('publisher');

interface KeyedRequest extends FastifyRequest {
  [PUBLISHER]?: string;
}

/** Requires one of the API keys, as `Authorization: Bearer KEY` or `X-API-Key: KEY`. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  private readonly keys: KnownKeys;

  constructor(@Inject(CONFIG) config: Config) {
    this.keys = new KnownKeys(config.apiKeys);
  }

  canActivate(context: ExecutionContext): boolean {
    this.check(context.switchToHttp().getRequest<FastifyRequest>());
    return true;
  }

  /** @throws ProtocolError `unauthorized` */
  check(request: FastifyRequest): void {
    if (!this.accepts(request)) throw new ProtocolError('unauthorized');
  }

  /** Whether a request carries one of the API keys. */
  accepts(request: FastifyRequest): boolean {
    const keyed: KeyedRequest = request;
    if (keyed[PUBLISHER] !== undefined) return true;
    const given = apiKeyOf(request);
    const id = given === undefined ? undefined : this.keys.idOf(given);
    if (id === undefined) return false;
    keyed[PUBLISHER] = `api:${id}`;
    return true;
  }
}

/**
 * The publisher of a request to the API. All requests with one key share their idempotency keys. Only valid behind the
 * guard.
 */
export function publisherOf(request: FastifyRequest): string {
  const { [PUBLISHER]: publisher }: KeyedRequest = request;
  if (publisher === undefined) throw new Error('publisherOf needs a request that has passed ApiKeyGuard');
  return publisher;
}

function apiKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = bearerOf(headers) ?? headers['x-api-key'];
  return typeof key === 'string' ? key : undefined;
}
