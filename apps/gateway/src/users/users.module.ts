import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { BlockExchange } from './block-exchange.js';
import { UserCommands } from './user-commands.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [AuthModule, ChannelsModule, ConnectionModule],
  providers: [BlockExchange, UserCommands, UsersService],
  exports: [BlockExchange, UserCommands, UsersService],
})
export class UsersModule {}
