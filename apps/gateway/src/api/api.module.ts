import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { UsersModule } from '../users/users.module.js';
import { ApiRates } from './api-rates.js';
import { BatchPublisher } from './batch-publisher.js';
import { ChannelsController } from './channels.controller.js';
import { OpenApiController } from './openapi.controller.js';
import { PublishController } from './publish.controller.js';
import { UsersController } from './users.controller.js';

@Module({
  imports: [ChannelsModule, UsersModule],
  controllers: [PublishController, ChannelsController, UsersController, OpenApiController],
  providers: [ApiRates, BatchPublisher],
})
export class ApiModule {}
