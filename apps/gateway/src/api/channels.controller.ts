import { BROKER, type MessageLog } from '@holdfast/broadcast';
import { MAX_PAGE, type HistoryReply, type Members } from '@holdfast/protocol';
import { Controller, Get, Header, Inject, Param, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ApiRateGuard } from './api-rate.guard.js';
import { ApiKeyGuard, publisherOf } from '../auth/index.js';
import { fromBroker } from '../errors/broker-errors.js';
import { ChannelsService } from '../channels/channels.service.js';
import { backendOf } from '../channels/reads.js';
import type { channelsAnswer } from './answers.js';
import { channelParams, channelsQuery, historyQuery } from './requests.js';
import { SchemaPipe } from '../http/schema.pipe.js';

@Controller('api/channels')
@UseGuards(ApiKeyGuard, ApiRateGuard)
export class ChannelsController {
  constructor(
    @Inject(BROKER) private readonly broker: MessageLog,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async list(
    @Query(new SchemaPipe(channelsQuery)) { prefix, after, limit = MAX_PAGE }: z.output<typeof channelsQuery>,
  ): Promise<z.output<typeof channelsAnswer>> {
    // One more than requested shows whether this is the last page.
    const names = await fromBroker(this.broker.channels({ prefix, after, limit: limit + 1 }));
    const channels = names.slice(0, limit);
    const next = names.length > limit ? channels.at(-1) : undefined;
    return next === undefined ? { channels } : { channels, next };
  }

  @Get(':channel/presence')
  @Header('Cache-Control', 'no-store')
  presence(
    @Req() request: FastifyRequest,
    @Param(new SchemaPipe(channelParams)) { channel }: z.output<typeof channelParams>,
  ): Promise<Members> {
    return this.channels.members(channel, backendOf(publisherOf(request)));
  }

  @Get(':channel/history')
  @Header('Cache-Control', 'no-store')
  history(
    @Req() request: FastifyRequest,
    @Param(new SchemaPipe(channelParams)) { channel }: z.output<typeof channelParams>,
    @Query(new SchemaPipe(historyQuery)) { epoch, offset, limit, reverse }: z.output<typeof historyQuery>,
  ): Promise<HistoryReply> {
    const since = epoch === undefined || offset === undefined ? undefined : { epoch, offset };
    return this.channels.history({ channel, since, limit, reverse }, backendOf(publisherOf(request)));
  }
}
