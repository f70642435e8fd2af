import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { PublishReply } from '@holdfast/protocol';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { ApiKeyGuard, publisherOf } from '../auth/index.js';
import { ChannelsService } from '../channels/channels.service.js';
import { checked } from '../errors/checked.js';
import { JsonBodyPipe } from '../http/json-body.pipe.js';
import { ApiRateGuard } from './api-rate.guard.js';
import { publishBody } from './requests.js';
import { traceparentOf } from './trace-context.js';

/**
 * `POST /api/publish`, as a route of Fastify: Nest's way to a controller (guards, pipes, interceptors) takes about a tenth
 * of such a request, which may come thousands of times per second (docs/adr/0015). The same checks run in the same order
 * as for the other routes. Errors reach the same filter, because Nest is Fastify's error handler.
 */
@Injectable()
export class PublishRoute implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost<FastifyAdapter>,
    @Inject(ApiKeyGuard) private readonly keys: ApiKeyGuard,
    @Inject(ApiRateGuard) private readonly rates: ApiRateGuard,
    @Inject(JsonBodyPipe) private readonly bodies: JsonBodyPipe,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
  ) {}

  onModuleInit(): void {
    this.adapterHost.httpAdapter.getInstance().post('/api/publish', (request) => this.publish(request));
  }

  private async publish(request: FastifyRequest): Promise<PublishReply> {
    this.keys.check(request);
    this.rates.check(request);
    const publication = checked(publishBody, await this.bodies.transform(request.body as Readable | undefined));
    return this.channels.publish({
      ...publication,
      publisher: publisherOf(request),
      traceparent: traceparentOf(request),
    });
  }
}
