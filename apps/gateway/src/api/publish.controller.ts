import type { PublishReply, PublishRequest } from '@holdfast/protocol';
import { Controller, HttpCode, Inject, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ApiRateGuard } from './api-rate.guard.js';
import { ApiKeyGuard, publisherOf } from '../auth/index.js';
import { ChannelsService } from '../channels/channels.service.js';
import type { PublishResult } from './answers.js';
import { BatchPublisher } from './batch-publisher.js';
import { JsonBody } from '../http/json-body.js';
import { traceparentOf } from './trace-context.js';
import { batchBody, broadcastBody, publishBody } from './requests.js';

@Controller('api')
@UseGuards(ApiKeyGuard, ApiRateGuard)
export class PublishController {
  constructor(
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(BatchPublisher) private readonly batches: BatchPublisher,
  ) {}

  @Post('publish')
  @HttpCode(200)
  publish(@Req() request: FastifyRequest, @JsonBody(publishBody) publication: PublishRequest): Promise<PublishReply> {
    const traceparent = traceparentOf(request);
    return this.channels.publish({ ...publication, publisher: publisherOf(request), traceparent });
  }

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
