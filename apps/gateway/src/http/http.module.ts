import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { CONFIG, type Config } from '../config/index.js';
import { SOCKETS } from '../limits/descriptors.js';
import { Metrics } from '../metrics/metrics.js';
import { HttpExceptionFilter } from './http-exception.filter.js';
import { HttpRoutes } from './http-routes.js';
import { ManagementServer } from './management-server.js';
import { PendingSockets } from './pending-sockets.js';

/** Both HTTP servers: the bounds of their sockets, and how they read bodies and answer errors. */
@Module({
  providers: [
    HttpRoutes,
    ManagementServer,
    { provide: APP_FILTER, useClass: HttpExceptionFilter },
    {
      provide: PendingSockets,
      inject: [HttpAdapterHost, CONFIG, Metrics],
      useFactory: ({ httpAdapter }: HttpAdapterHost<FastifyAdapter>, { limits }: Config, metrics: Metrics) => {
        const { server } = httpAdapter.getInstance();
        server.maxConnections = Math.min(SOCKETS.all, Number.MAX_SAFE_INTEGER);
        const sockets = new PendingSockets(server, Math.min(limits.pending, SOCKETS.pending), metrics);
        metrics.gauge(
          'holdfast_pending_sockets',
          'TCP connections that are not a WebSocket and have no request in progress',
          () => sockets.size,
        );
        return sockets;
      },
    },
  ],
  exports: [ManagementServer, PendingSockets],
})
export class HttpModule implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost<FastifyAdapter>) {}

  /** Bodies are JSON and nothing else, left unread for `@JsonBody`. */
  onModuleInit(): void {
    const fastify = this.adapterHost.httpAdapter.getInstance();
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('application/json', (_request, body, done) => done(null, body));
  }
}
