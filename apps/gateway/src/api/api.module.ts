import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { ChannelsModule } from '../channels/channels.module.js';
import { UsersModule } from '../users/users.module.js';
import { ApiRates } from './api-rates.js';
import { BatchPublisher } from './batch-publisher.js';
import { ChannelsController } from './channels.controller.js';
import { HttpExceptionFilter } from '../http/http-exception.filter.js';
import { HttpRoutes } from '../http/http-routes.js';
import { OpenApiController } from './openapi.controller.js';
import { PublishController } from './publish.controller.js';
import { UsersController } from './users.controller.js';

/** The HTTP API, and how the whole HTTP side reads bodies and answers errors. */
@Module({
  imports: [ChannelsModule, UsersModule],
  controllers: [PublishController, ChannelsController, UsersController, OpenApiController],
  providers: [ApiRates, BatchPublisher, HttpRoutes, { provide: APP_FILTER, useClass: HttpExceptionFilter }],
})
export class ApiModule implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost<FastifyAdapter>) {}

  /** Bodies are JSON and nothing else, left unread for `@JsonBody`. */
  onModuleInit(): void {
    const fastify = this.adapterHost.httpAdapter.getInstance();
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('application/json', (_request, body, done) => done(null, body));
  }
}
