import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { GatewayModule } from '../gateway/gateway.module.js';
import { Refusals } from './refusals.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [ChannelsModule, GatewayModule],
  providers: [Refusals, UsersService],
  exports: [Refusals, UsersService],
})
export class UsersModule {}
