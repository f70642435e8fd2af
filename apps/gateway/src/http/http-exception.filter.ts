import { RETRY_AFTER_S, ERRORS, errorData, type ErrorCode } from '@holdfast/protocol';
import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProtocolError } from '../errors/protocol-error.js';
import { pathForLog } from '../logging/log.js';
import { Metrics } from '../metrics/metrics.js';
import { HttpRoutes } from './http-routes.js';
import { EventLog } from '../logging/event-log.js';

/** What Nest and Fastify mean by their statuses. Their messages may quote the request, and are not passed on. */
const CODES: Readonly<Partial<Record<number, ErrorCode>>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'too_large',
  414: 'too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'overloaded',
};

/** Turns the error of a failed HTTP request into one of the catalogue. Nest applies global filters to HTTP only. */
@Catch()
export class HttpExceptionFilter implements ExceptionFilter<unknown> {
  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost<FastifyAdapter>,
    @Inject(HttpRoutes) private readonly routes: HttpRoutes,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const { httpAdapter } = this.adapterHost;
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const response = http.getResponse<FastifyReply>();
    const allowed = isNotFound(exception) ? this.routes.methodsOf(httpAdapter.getRequestUrl(request)) : [];
    const methodAlone = allowed.length > 0 && !allowed.includes(httpAdapter.getRequestMethod(request));
    const { code, detail } = methodAlone ? new ProtocolError('method_not_allowed') : this.refusal(exception, request);
    this.metrics.refusedRequests.inc({ event: 'http', code });
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    const { status } = ERRORS[code];
    const headers = {
      'Cache-Control': 'no-store',
      ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
      ...(status === 405 ? { Allow: allowed.join(', ') } : {}),
      ...(status === 429 || status === 503 ? { 'Retry-After': String(RETRY_AFTER_S) } : {}),
    };
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, errorData(code, detail), status);
  }

  private refusal(
    exception: unknown,
    { method, url, routeOptions }: FastifyRequest,
  ): { code: ErrorCode; detail?: string | undefined } {
    if (exception instanceof ProtocolError) return exception;
    if (exception instanceof HttpException) {
      const code = CODES[exception.getStatus()];
      if (code !== undefined) return { code };
      if (exception.getStatus() < 500) return { code: 'refused' };
    }
    const req = { method, url: pathForLog(url, routeOptions.url !== undefined) };
    this.log.write('http.failed', { err: exception, req });
    return { code: 'internal' };
  }
}

function isNotFound(exception: unknown): boolean {
  return exception instanceof HttpException && exception.getStatus() === 404;
}
