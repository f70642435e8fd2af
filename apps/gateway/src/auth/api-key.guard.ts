import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { bearerOf } from './token-carriers.js';

/** Lets a request in that carries one of the API keys, as `Authorization: Bearer KEY` or `X-API-Key: KEY`. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  canActivate(context: ExecutionContext): boolean {
    const given = apiKeyOf(context.switchToHttp().getRequest<FastifyRequest>());
    if (given === undefined || !this.isKey(given)) throw new ProtocolError('unauthorized');
    return true;
  }

  /** Compares digests of equal length, all of them, in constant time: neither the length nor the place of a match shows. */
  private isKey(given: string): boolean {
    const digest = sha256(given);
    let found = false;
    for (const key of this.config.apiKeys.current) found = timingSafeEqual(digest, sha256(key)) || found;
    return found;
  }
}

/** Who published, where it was the API: all of one key's requests share their idempotency keys. */
export function publisherOf(request: FastifyRequest): string {
  return `api:${sha256(apiKeyOf(request) ?? '')
    .toString('base64url')
    .slice(0, 22)}`;
}

function apiKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = bearerOf(headers) ?? headers['x-api-key'];
  return typeof key === 'string' ? key : undefined;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
