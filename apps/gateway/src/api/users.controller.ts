import { userChannel, type PublishReply } from '@holdfast/protocol';
import { Controller, Get, Header, HttpCode, Inject, Param, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ApiRateGuard } from './api-rate.guard.js';
import { ApiKeyGuard, publisherOf } from '../auth/index.js';
import { ChannelsService } from '../channels/channels.service.js';
import { UsersService } from '../users/users.service.js';
import type { connectionsAnswer, doneAnswer } from './answers.js';
import { JsonBody } from '../http/json-body.js';
import { disconnectBody, publishToUserBody, unblockBody, unsubscribeBody, userParams } from './requests.js';
import { traceparentOf } from './trace-context.js';
import { SchemaPipe } from '../http/schema.pipe.js';

type Done = z.output<typeof doneAnswer>;

@Controller('api/users/:user')
@UseGuards(ApiKeyGuard, ApiRateGuard)
export class UsersController {
  constructor(
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(UsersService) private readonly users: UsersService,
  ) {}

  @Post('publish')
  @HttpCode(200)
  publish(
    @Req() request: FastifyRequest,
    @Param(new SchemaPipe(userParams)) { user }: z.output<typeof userParams>,
    @JsonBody(publishToUserBody) publication: z.output<typeof publishToUserBody>,
  ): Promise<PublishReply> {
    return this.channels.publish({
      ...publication,
      channel: userChannel(user),
      publisher: publisherOf(request),
      traceparent: traceparentOf(request),
    });
  }

  @Post('disconnect')
  @HttpCode(200)
  async disconnect(
    @Param(new SchemaPipe(userParams)) { user }: z.output<typeof userParams>,
    @JsonBody(disconnectBody) { until }: z.output<typeof disconnectBody>,
  ): Promise<Done> {
    await this.users.disconnect(user, until);
    return {};
  }

  @Post('unblock')
  @HttpCode(200)
  async unblock(
    @JsonBody(unblockBody) _nothing: z.output<typeof unblockBody>,
    @Param(new SchemaPipe(userParams)) { user }: z.output<typeof userParams>,
  ): Promise<Done> {
    await this.users.unblock(user);
    return {};
  }

  @Post('unsubscribe')
  @HttpCode(200)
  async unsubscribe(
    @Param(new SchemaPipe(userParams)) { user }: z.output<typeof userParams>,
    @JsonBody(unsubscribeBody) { channel }: z.output<typeof unsubscribeBody>,
  ): Promise<Done> {
    await this.users.unsubscribe(user, channel);
    return {};
  }

  @Get('connections')
  @Header('Cache-Control', 'no-store')
  async connections(
    @Param(new SchemaPipe(userParams)) { user }: z.output<typeof userParams>,
  ): Promise<z.output<typeof connectionsAnswer>> {
    const connections = await this.users.connectionsOf(user);
    return { connections: connections.map(({ client, node, since }) => ({ client, node, since })) };
  }
}
