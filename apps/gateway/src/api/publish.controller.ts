import { Controller, HttpCode, Inject, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ApiRateGuard } from './api-rate.guard.js';
import { ApiKeyGuard, publisherOf } from '../auth/index.js';
import type { PublishResult } from './answers.js';
import { BatchPublisher } from './batch-publisher.js';
import { JsonBody } from '../http/json-body.js';
import { traceparentOf } from './trace-context.js';
import { batchBody, broadcastBody } from './requests.js';

/** Many at once. {@link PublishRoute} publishes one. */
@Controller('api')
@UseGuards(ApiKeyGuard, ApiRateGuard)
export class PublishController {
  constructor(@Inject(BatchPublisher) private readonly batches: BatchPublisher) {}

  @Post('broadcast')
  @HttpCode(200)
  async broadcast(
    @Req() request: FastifyRequest,
    @JsonBody(broadcastBody) { channels, data, key }: z.output<typeof broadcastBody>,
  ): Promise<{ results: PublishResult[] }> {
    const publications = channels.map((channel) => ({ channel, data, key }));
    return { results: await this.batches.publish(publications, publisherOf(request), traceparentOf(request)) };
  }

  @Post('batch')
  @HttpCode(200)
  async batch(
    @Req() request: FastifyRequest,
    @JsonBody(batchBody) { publications }: z.output<typeof batchBody>,
  ): Promise<{ results: PublishResult[] }> {
    return { results: await this.batches.publish(publications, publisherOf(request), traceparentOf(request)) };
  }
}
