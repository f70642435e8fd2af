import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { GatewayModule } from '../gateway/gateway.module.js';
import { UserCommands } from './user-commands.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [ChannelsModule, GatewayModule],
  providers: [UserCommands, UsersService],
  exports: [UserCommands, UsersService],
})
export class UsersModule {}
