import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { publisherOf } from '../auth/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { ApiRates } from './api-rates.js';

/**
 * Limits the requests per API key. Comes after the guard that checks the keys, so that nobody without one can use up a
 * rate.
 */
@Injectable()
export class ApiRateGuard implements CanActivate {
  constructor(
    @Inject(ApiRates) private readonly rates: ApiRates,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    this.check(context.switchToHttp().getRequest<FastifyRequest>());
    return true;
  }

  /** @throws ProtocolError `rate_limited` */
  check(request: FastifyRequest): void {
    if (this.rates.add(publisherOf(request))) return;
    this.metrics.limited.inc({ limit: 'api_requests' });
    throw new ProtocolError('rate_limited');
  }
}
