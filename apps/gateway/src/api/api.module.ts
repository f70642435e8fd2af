import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { UsersModule } from '../users/users.module.js';
import { ApiKeyGuard } from '../auth/index.js';
import { JsonBodyPipe } from '../http/json-body.pipe.js';
import { ApiRateGuard } from './api-rate.guard.js';
import { ApiRates } from './api-rates.js';
import { BatchPublisher } from './batch-publisher.js';
import { ChannelsController } from './channels.controller.js';
import { OpenApiController } from './openapi.controller.js';
import { PublishController } from './publish.controller.js';
import { PublishRoute } from './publish-route.js';
import { UsersController } from './users.controller.js';

@Module({
  imports: [ChannelsModule, UsersModule],
  controllers: [PublishController, ChannelsController, UsersController, OpenApiController],
  providers: [ApiKeyGuard, ApiRateGuard, ApiRates, BatchPublisher, JsonBodyPipe, PublishRoute],
})
export class ApiModule {}
